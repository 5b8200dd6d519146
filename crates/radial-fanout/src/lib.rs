//! Timelines, subscribers and the pages that each is due
