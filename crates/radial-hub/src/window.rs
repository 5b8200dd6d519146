//! How long a busy worker may let events wait, so that more of them go out in one write.

use std::time::Duration;

use radial_protocol::event::{Head, Priority};
use radial_registry::Registry;

/// The smallest batch window among these: nothing if one of them is critical, or its type's window
/// is off.
pub(crate) fn window<'a>(registry: &Registry, heads: impl Iterator<Item = &'a Head>) -> Duration {
    let windows = heads.map(|head| match head.priority {
        Priority::Critical => Duration::ZERO,
        _ => registry
            .get(head.event_type.as_str())
            .and_then(|event_type| event_type.policy.batch)
            .unwrap_or_default(),
    });
    windows.min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use radial_protocol::names::{EventId, EventTypeName};

    use super::*;

    #[test]
    fn the_most_urgent_decides() {
        let registry = Registry::builtin();
        let head = |event_type: &str, priority| Head {
            priority,
            ..Head::new(EventId::new("e").unwrap(), EventTypeName::new(event_type).unwrap())
        };
        let activity = head("activity:new", Priority::Normal);
        let of = |heads: &[Head]| window(&registry, heads.iter());
        assert_eq!(of(std::slice::from_ref(&activity)), Duration::from_millis(50));
        let moved = head("card.moved", Priority::High);
        assert_eq!(of(&[activity.clone(), moved]), Duration::ZERO);
        let critical = head("activity:new", Priority::Critical);
        assert_eq!(of(&[activity, critical]), Duration::ZERO);
        assert_eq!(of(&[]), Duration::ZERO);
    }
}
