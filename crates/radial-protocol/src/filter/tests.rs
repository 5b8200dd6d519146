//! Who sees what, one rule after the other.

use super::*;
use crate::event::tests::{content, head};
use crate::event::{Audience, Draft, Reach};
use crate::names::{SessionId, TenantId, UserId};

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::new(text).unwrap()).collect()
}

fn user(id: &str, roles: &[&str]) -> Grants {
    let mut grants = Grants::everything(TenantId::new("acme").unwrap());
    Arc::make_mut(&mut grants.rights).roles =
        roles.iter().map(|role| Name::new(role).unwrap()).collect();
    grants.acting_for(
        Some(UserId::new(id).unwrap()),
        Some(SessionId::new(&format!("s-{id}")).unwrap()),
    )
}

fn check(grants: Grants, shape: impl FnOnce(&mut Head), expected: bool) {
    let mut head = head("card.moved");
    shape(&mut head);
    let tenant = TenantId::new("acme").unwrap();
    let event = Draft::new(head, &content(&tenant)).place(None, TimeMs(0), None);
    let audit = EventTypeName::new("audit.written").unwrap();
    let readership = Readership {
        roles: HashMap::from([(audit.clone(), vec![Name::new("auditor").unwrap()])]),
        routes: HashMap::from([
            (Name::new("analytics").unwrap(), vec![audit.clone()]),
            (Name::new("backup").unwrap(), vec![audit]),
        ]),
    };
    let wanted = Selection { channels: patterns(&["*"]), types: patterns(&["*"]) };
    let filter =
        Filter::new(&wanted, Arc::new(grants), Arc::new(readership), View::Subscriber).unwrap();
    let admitted = filter.admits(&event, TimeMs(0)) == Verdict::Admitted;
    assert_eq!(admitted, expected, "{event:?}");
}

#[test]
fn everything_must_admit_an_event() {
    let audience = |users: &[&str], roles: &[&str]| {
        Some(Audience {
            users: users.iter().map(|id| UserId::new(id).unwrap()).collect(),
            sessions: Vec::new(),
            roles: roles.iter().map(|role| Name::new(role).unwrap()).collect(),
        })
    };
    check(user("u1", &[]), |_| {}, true);
    check(user("u1", &[]), |head| head.reach = Reach::Sinks, false);
    check(user("u1", &[]), |head| head.audience = audience(&["u1"], &[]), true);
    check(user("u2", &[]), |head| head.audience = audience(&["u1"], &[]), false);
    check(user("u2", &["editor"]), |head| head.audience = audience(&["u1"], &["editor"]), true);
    check(
        user("u1", &[]),
        |head| head.event_type = EventTypeName::new("audit.written").unwrap(),
        false,
    );
    check(
        user("u1", &["auditor"]),
        |head| head.event_type = EventTypeName::new("audit.written").unwrap(),
        true,
    );
    for (reader, seen) in [("u1", true), ("u2", false)] {
        check(
            user(reader, &[]),
            |head| {
                head.scope = Scope::User;
                head.user = Some(UserId::new("u1").unwrap());
            },
            seen,
        );
        check(
            user(reader, &[]),
            |head| {
                head.scope = Scope::Session;
                head.session = Some(SessionId::new("s-u1").unwrap());
            },
            seen,
        );
    }
    check(user("u1", &[]), |head| head.scope = Scope::User, false);
}

#[test]
fn what_is_routed_to_a_reader_it_sees_as_a_sink_does_and_nothing_else() {
    let sink = |routes: &[&str]| {
        let mut grants = user("u1", &[]);
        Arc::make_mut(&mut grants.rights).channels = patterns(&["main"]);
        Arc::make_mut(&mut grants.rights).subscribe = Vec::new();
        Arc::make_mut(&mut grants.rights).routes =
            routes.iter().map(|name| Name::new(name).unwrap()).collect();
        grants
    };
    let hidden = |head: &mut Head| {
        head.event_type = EventTypeName::new("audit.written").unwrap();
        head.reach = Reach::Sinks;
        head.scope = Scope::User;
        head.audience =
            Some(Audience { users: vec![UserId::new("u2").unwrap()], ..Audience::default() });
    };
    check(sink(&["analytics"]), hidden, true);
    check(sink(&["mails"]), hidden, false);
    check(sink(&[]), hidden, false);
    check(sink(&["analytics"]), |_| {}, false);
    let elsewhere = |head: &mut Head| {
        hidden(head);
        head.channel = ChannelName::new("board:1").unwrap();
    };
    check(sink(&["analytics"]), elsewhere, false);
    let acting = sink(&["analytics"]).acting_for(UserId::new("u3").ok(), None);
    check(acting, hidden, false);
}

#[test]
fn a_publisher_who_names_some_sinks_keeps_an_event_from_the_others() {
    let sinks = |names: &[&str]| names.iter().map(|name| Name::new(name).unwrap()).collect();
    let sees = |reader: &[&str], broadcast: bool, named: &[&str], expected: bool| {
        let mut grants = user("u1", &["auditor"]);
        let rights = Arc::make_mut(&mut grants.rights);
        if !broadcast {
            rights.subscribe = Vec::new();
        }
        rights.routes = sinks(reader);
        let shape = |head: &mut Head| {
            head.event_type = EventTypeName::new("audit.written").unwrap();
            head.reach = Reach::new(broadcast, Some(sinks(named).into()));
        };
        check(grants, shape, expected);
    };
    sees(&["analytics"], false, &["analytics"], true);
    sees(&["analytics"], false, &["backup"], false);
    sees(&["analytics", "backup"], false, &["backup"], true);
    sees(&["analytics"], false, &[], false);
    // The registry does not route the type there, or does not any more.
    sees(&["analytics", "mails"], false, &["mails"], false);
    // Whoever may subscribe gets it whatever sinks are named.
    sees(&["analytics"], true, &["backup"], true);
    sees(&[], true, &[], true);
}

#[test]
fn patterns_are_narrowed_and_exact_names_outside_are_refused() {
    let mut grants = user("u1", &[]);
    Arc::make_mut(&mut grants.rights).channels = patterns(&["board:*", "main"]);
    let filter = |channels: &[&str]| {
        let wanted = Selection { channels: patterns(channels), types: patterns(&["card.*"]) };
        Filter::new(&wanted, Arc::new(grants.clone()), Arc::default(), View::Subscriber)
    };
    assert_eq!(filter(&["*"]).unwrap().channels(), patterns(&["board:*", "main"]));
    assert_eq!(filter(&["board:4*"]).unwrap().channels(), patterns(&["board:4*"]));
    assert!(filter(&["chat:*"]).unwrap().channels().is_empty());
    assert_eq!(filter(&["chat:1"]).unwrap_err().code, Code::Forbidden);
}

#[test]
fn what_one_selection_admits_is_admitted_and_pairs_are_not_mixed() {
    let select = |channel: &str, event_type: &str| Selection {
        channels: patterns(&[channel]),
        types: patterns(&[event_type]),
    };
    let tenant = TenantId::new("acme").unwrap();
    let wanted = [select("board:1", "card.*"), select("chat", "conversation.message")];
    let grants = Arc::new(Grants::everything(tenant.clone()));
    let filter = Filter::of_any(&wanted, grants, Arc::default(), View::Subscriber).unwrap();
    for (channel, event_type, admitted) in [
        ("board:1", "card.moved", true),
        ("chat", "conversation.message", true),
        ("chat", "card.moved", false),
        ("board:1", "conversation.message", false),
    ] {
        let mut head = head(event_type);
        head.channel = ChannelName::new(channel).unwrap();
        let event = Draft::new(head, &content(&tenant)).place(None, TimeMs(0), None);
        let verdict = filter.admits(&event, TimeMs(0)) == Verdict::Admitted;
        assert_eq!(verdict, admitted, "{event_type} in {channel}");
    }
    assert_eq!(filter.channels(), patterns(&["board:1", "chat"]));
}

#[test]
fn filters_of_one_class_show_the_same_of_what_is_for_everyone() {
    let wanted = Selection { channels: patterns(&["main"]), types: patterns(&["card.*"]) };
    let roles: Arc<Readership> = Arc::default();
    let filter = |grants: Grants| {
        Filter::new(&wanted, Arc::new(grants), Arc::clone(&roles), View::Subscriber).unwrap()
    };
    let (first, second) = (filter(user("u1", &["editor"])), filter(user("u2", &["editor"])));
    assert_eq!(first.class(), second.class());
    for event_type in ["card.moved", "activity:new"] {
        let head = head(event_type);
        assert!(is_for_everyone(&head));
        assert_eq!(first.shows_kind(&head), second.shows_kind(&head));
        assert!(first.shows_person(&head) && second.shows_person(&head));
    }
    // Whatever the common part depends on makes another class.
    assert_ne!(first.class(), filter(user("u1", &["auditor"])).class());
    let mut narrowed = user("u1", &["editor"]);
    Arc::make_mut(&mut narrowed.rights).subscribe = patterns(&["card.moved"]);
    assert_ne!(first.class(), filter(narrowed).class());
    let mut developer = user("u1", &["editor"]);
    Arc::make_mut(&mut developer.rights).sees_all = true;
    assert_ne!(first.class(), filter(developer).class());
    let mut hidden = head("card.moved");
    hidden.scope = Scope::User;
    assert!(!is_for_everyone(&hidden));
}

#[test]
fn the_channel_decides_first() {
    let mut grants = user("u1", &[]);
    Arc::make_mut(&mut grants.rights).channels = patterns(&["board:*"]);
    check(grants.clone(), |head| head.channel = ChannelName::new("board:1").unwrap(), true);
    check(grants, |_| {}, false);
}

#[test]
fn presence_is_for_those_who_are_granted_the_channel_and_ask_for_it_by_name() {
    let mut grants = user("u1", &[]);
    Arc::make_mut(&mut grants.rights).channels = patterns(&["board:*", "main"]);
    let filter = |channels: &[&str]| {
        let wanted = Selection { channels: patterns(channels), types: patterns(&["*"]) };
        Filter::new(&wanted, Arc::new(grants.clone()), Arc::default(), View::Subscriber)
    };
    let granted = patterns(&["presence:board:*", "presence:main"]);
    assert_eq!(filter(&["presence:*"]).unwrap().channels(), granted);
    assert_eq!(filter(&["presence:chat:1"]).unwrap_err().code, Code::Forbidden);
    for (channels, channel, seen) in [
        (&["presence:board:1"][..], "presence:board:1", true),
        (&["presence:board:1"], "presence:board:2", false),
        (&["presence:board:1"], "board:1", false),
        (&["presence:*"], "presence:board:1", true),
        (&["presence:*"], "presence:chat:1", false),
        (&["*"], "presence:board:1", false),
        (&["*"], "board:1", true),
        (&["board:1"], "presence:board:1", false),
    ] {
        let filter = filter(channels).unwrap();
        let mut head = head("presence.joined");
        head.channel = ChannelName::new(channel).unwrap();
        assert_eq!(filter.shows(&head), seen, "{channels:?} {channel}");
        assert_eq!(filter.shows_presence(&head), (seen, seen), "{channels:?} {channel}");
    }
    Arc::make_mut(&mut grants.rights).subscribe = patterns(&["card.*"]);
    let wanted = Selection { channels: patterns(&["presence:*"]), types: patterns(&["*"]) };
    let counted = Filter::new(&wanted, Arc::new(grants), Arc::default(), View::Subscriber).unwrap();
    let mut head = head("presence.joined");
    head.channel = ChannelName::new("presence:board:1").unwrap();
    assert_eq!(counted.shows_presence(&head), (true, false));
}
