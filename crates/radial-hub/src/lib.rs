//! The rules of the hub: publish pipeline, subscriptions, flags
