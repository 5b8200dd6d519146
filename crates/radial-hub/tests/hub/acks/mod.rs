//! Acknowledgements: what a session owes, when it is reminded, and what is remembered of it.

mod lasting;
mod limits;
mod owing;
mod support;
