//! The radial binary, and the facade for people who embed the hub
