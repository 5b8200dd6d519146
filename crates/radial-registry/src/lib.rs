//! The set of event types: schemas, policies, versions and their checks
