use super::*;
use crate::event::{Event, Recorded};
use crate::id::{Epoch, Ordinal, Position, Stream};
use crate::name::Actor;
use std::time::Duration;

fn recorded(id: KeyId, version: u32, event: KeyEvent) -> Recorded {
    Recorded {
        position: Position(i64::from(version)),
        stream: Stream::Key(id),
        ordinal: Ordinal::MESSAGE,
        version,
        epoch: Epoch(1),
        tenant: Tenant::default_tenant(),
        at: Timestamp::from_micros(1_000_000),
        hash: [0; 32],
        event: Event::Key(event),
    }
}

#[test]
fn a_key_opens_until_it_expires_or_is_revoked() {
    let id = KeyId([7; 8]);
    let text = KeyText::new(id, &[9; 32]);
    let digest = KeyText::parse(text.expose()).expect("parses").1;
    let start = Timestamp::from_micros(1_000_000);
    let created = KeyCreated {
        digest,
        scopes: [Scope::Send].into(),
        expires_at: Some(start.plus(Duration::from_secs(60))),
        by: Actor::system(),
    };
    let mut ring = KeyRing::default();
    assert!(ring.authenticate(text.expose(), start).is_none(), "unknown");
    ring.apply(&recorded(id, 1, KeyEvent::Created(created)));

    let key = ring.authenticate(text.expose(), start).expect("good");
    assert!(key.may(Scope::Send) && !key.may(Scope::Read) && !key.may(Scope::Admin));
    assert!(ring.authenticate(text.expose(), start.plus(Duration::from_secs(60))).is_none(), "expired");
    let other = KeyText::new(id, &[8; 32]);
    assert!(ring.authenticate(other.expose(), start).is_none(), "same id, other secret");

    ring.apply(&recorded(id, 2, KeyEvent::Revoked { by: Actor::control() }));
    assert!(ring.authenticate(text.expose(), start).is_none(), "revoked");
}

#[test]
fn nothing_but_the_exact_text_parses() {
    let text = KeyText::new(KeyId([7; 8]), &[9; 32]);
    assert!(!format!("{text:?}").contains("07"));
    for wrong in ["", "plk_", "plk_0707070707070707_", &text.expose().to_uppercase(), &text.expose()[1..]] {
        assert!(KeyText::parse(wrong).is_none(), "{wrong:?}");
    }
}
