//! What operators do holds at once, for all who come with what was taken back, and nobody gets at
//! the hub's own tenant.

use std::sync::Arc;
use std::time::Duration;

use radial_hub::{
    Actor, CredentialState, EntityQuery, Readiness, Revocation, Start, Subject, SubscribeRequest,
};
use radial_protocol::grants::{Credential, CredentialKind, Grants};
use radial_protocol::names::UserId;
use radial_protocol::{Code, Name, Pattern, Problem, TenantId, TimeMs};
use serde_json::json;

use crate::support::{TestHub, history, request, selection};

/// The codes of what is refused to these grants, of every way in.
async fn refused(test: &TestHub, grants: &Grants) -> Vec<Option<Code>> {
    let code = |result: Result<(), Problem>| result.err().map(|problem| problem.code);
    let grants = Arc::new(grants.clone());
    let event = json!({"eventType": "user.updated", "eventData": {"userId": "u"}});
    let entities = EntityQuery {
        entity_type: Name::new("card").unwrap(),
        channels: vec![Pattern::All],
        id: None,
        after: None,
        limit: 10,
    };
    let subscribe = SubscribeRequest {
        selection: selection(&["*"]),
        start: Start::Earliest,
        snapshot: Vec::new(),
    };
    vec![
        code(test.hub.publish(&grants, vec![request(&event)]).await.map(drop)),
        code(test.hub.publish_atomic(&grants, vec![request(&event)]).await.map(drop)),
        code(test.hub.subscribe(Arc::clone(&grants), subscribe).await.map(drop)),
        code(test.hub.history(&grants, &history(10)).map(drop)),
        code(test.hub.entities(&grants, &entities).map(drop)),
    ]
}

fn token(test: &TestHub, issued: u64) -> Grants {
    let mut grants = (*test.grants).clone().acting_for(Some(UserId::new("u").unwrap()), None);
    grants.credential = Credential {
        kind: CredentialKind::Token,
        issued: Some(TimeMs(issued)),
        ..Credential::LOCAL
    };
    grants
}

#[tokio::test]
async fn the_hubs_own_tenant_is_nobodys() {
    let test = TestHub::new();
    let own = Grants::everything(TenantId::control());
    assert_eq!(refused(&test, &own).await, [Some(Code::Forbidden); 5]);
    let revocation =
        Revocation { tenant: TenantId::control(), subject: Subject::All, reason: None };
    let answer = test.hub.revoke(Actor::of(&own), revocation).await;
    assert_eq!(answer.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn what_was_revoked_is_refused_everywhere_and_what_comes_later_is_not() {
    let test = TestHub::new();
    let by = Actor::of(&test.grants);
    assert_eq!(refused(&test, &token(&test, 5)).await, [None; 5]);
    let subject = Subject::User(UserId::new("u").unwrap());
    let revocation = Revocation { tenant: test.grants.tenant.clone(), subject, reason: None };
    let recorded = test.hub.revoke(by, revocation).await.unwrap();
    assert!(recorded.persisted);
    assert_eq!(refused(&test, &token(&test, 5)).await, [Some(Code::Unauthorized); 5]);
    assert_eq!(refused(&test, &token(&test, 1_001)).await, [None; 5]);
    assert_eq!(test.hub.revocations(None).len(), 1);
}

#[tokio::test]
async fn an_expired_credential_is_refused_everywhere() {
    let test = TestHub::new();
    let mut grants = token(&test, 5);
    grants.credential.expires = Some(TimeMs(1_000));
    assert_eq!(refused(&test, &grants).await, [Some(Code::Unauthorized); 5]);
    grants.credential.expires = Some(TimeMs(1_001));
    assert_eq!(refused(&test, &grants).await, [None; 5]);
}

#[tokio::test]
async fn a_token_counts_no_longer_than_its_greatest_age() {
    let test = TestHub::with_config(|config| {
        config.token_age_max = Some(Duration::from_millis(100));
    });
    let state = |grants: &Grants| test.hub.credential_state(grants, TimeMs(1_000));
    assert_eq!(state(&token(&test, 901)), CredentialState::Counts(Some(TimeMs(1_001))));
    assert_eq!(state(&token(&test, 900)), CredentialState::Expired);
    let mut without = token(&test, 0);
    without.credential.issued = None;
    assert_eq!(state(&without), CredentialState::Expired);
    let mut key = token(&test, 0);
    key.credential.kind = CredentialKind::Key;
    assert_eq!(state(&key), CredentialState::Counts(None));
}

#[tokio::test]
async fn the_switch_refuses_publishing_and_subscribing_until_it_is_turned_back() {
    let test = TestHub::new();
    let by = Actor::of(&test.grants);
    assert!(test.hub.disable(by.clone(), Some("a drill".to_owned())).await.persisted);
    assert_eq!(test.hub.readiness(), Readiness::Disabled);
    let off = Some(Code::HubDisabled);
    assert_eq!(refused(&test, &test.grants).await, [off, off, off, None, None]);
    assert!(test.hub.enable(by).await.persisted);
    assert_eq!(refused(&test, &test.grants).await, [None; 5]);
}

#[tokio::test]
async fn a_hub_that_starts_switched_off_stays_so_whatever_else_operators_do() {
    let test = TestHub::with_config(|config| config.disabled = true);
    let tenant = test.grants.tenant.clone();
    let revocation = Revocation { tenant, subject: Subject::All, reason: None };
    test.hub.revoke(Actor::of(&test.grants), revocation).await.unwrap();
    assert_eq!(test.hub.readiness(), Readiness::Disabled);
    test.hub.enable(Actor::of(&test.grants)).await;
    assert_eq!(test.hub.readiness(), Readiness::Ready);
}
