//! The HTTP face of the hub: configuration, routes, transports, metrics, drain
