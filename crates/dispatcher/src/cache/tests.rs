use super::*;
use bytes::Bytes;
use postledger_core::conformance::submission;

fn mail(size: usize) -> Mail {
    let content = Content { salt: [0; 16], bytes: Bytes::from(vec![b'x'; size]) };
    Mail { queued: submission(1, 1).queued, content, heads: Vec::new() }
}

fn id(n: u8) -> MessageId {
    MessageId::from_bytes([n; 16])
}

/// Which of the first ten messages are held.
fn held(cache: &Cache) -> Vec<u8> {
    (0..10).filter(|n| cache.mail(id(*n)).is_some()).collect()
}

#[test]
fn what_is_wanted_stays_and_what_comes_later_is_read_back_when_its_turn_comes() {
    let mut cache = Cache::new(3 * (1000 + OVERHEAD));
    (0..5).for_each(|n| cache.admit(id(n), mail(1000), |_| true));
    assert_eq!(held(&cache), [0, 1, 2]);
    cache.remove(id(1));
    cache.admit(id(5), mail(1000), |_| true);
    assert_eq!((held(&cache), cache.bytes), (vec![0, 2, 5], cache.capacity));
}

#[test]
fn what_nobody_wants_now_makes_room() {
    let mut cache = Cache::new(3 * (1000 + OVERHEAD));
    (0..3).for_each(|n| cache.admit(id(n), mail(1000), |_| true));
    cache.admit(id(3), mail(1000), |other| other != id(1));
    assert_eq!(held(&cache), [0, 2, 3]);
    cache.admit(id(4), mail(5000), |_| false);
    assert_eq!(held(&cache), [0, 2, 3], "what is larger than the whole drives nothing out");
}

#[test]
fn it_does_not_grow_by_what_has_gone() {
    let mut cache = Cache::new(10 * (10 + OVERHEAD));
    for n in 0..10_000u32 {
        let id = MessageId::from_bytes(
            [&n.to_be_bytes(), [0; 12].as_slice()].concat().try_into().expect("16 bytes"),
        );
        cache.admit(id, mail(10), |_| true);
        cache.remove(id);
    }
    assert_eq!((cache.bytes, cache.mails.len()), (0, 0));
    assert!(cache.arrivals.len() < 100, "{}", cache.arrivals.len());
}
