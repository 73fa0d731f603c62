use super::*;
use postledger_core::id::Ordinal;
use tempfile::TempDir;

fn message(n: u8) -> MessageId {
    MessageId::from_bytes([n; 16])
}

fn delivery(n: u8) -> DeliveryId {
    message(n).delivery(Ordinal(1))
}

/// A data directory over several starts.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a directory"))
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("in-flight")
    }

    fn start(&self) -> (Arc<InFlight>, LeftBehind) {
        let (in_flight, left) = InFlight::open(&self.path()).expect("it opens");
        (Arc::new(in_flight), left)
    }

    /// A start that dies with these in flight.
    fn crash(&self, ids: &[DeliveryId]) -> LeftBehind {
        let (in_flight, left) = self.start();
        ids.iter().for_each(|id| std::mem::forget(in_flight.begin(*id)));
        left
    }
}

#[test]
fn what_has_ended_is_not_suspected() {
    let place = Place::new();
    let (in_flight, left) = place.start();
    assert_eq!(left, LeftBehind::default());
    let first = in_flight.begin(delivery(1));
    std::mem::forget(in_flight.begin(delivery(2)));
    drop(first);
    // The line of the first is used again.
    std::mem::forget(in_flight.begin(delivery(3)));
    assert_eq!(std::fs::metadata(place.path()).expect("it is there").len(), 2 * LINE as u64);
    assert_eq!(place.start().1.suspects, [delivery(2), delivery(3)]);
}

#[test]
fn the_third_crash_quarantines_and_only_whom_it_hit() {
    let place = Place::new();
    place.crash(&[delivery(1), delivery(2), delivery(3)]);
    let left = place.crash(&[delivery(2)]);
    assert_eq!(left.suspects, [delivery(1), delivery(2), delivery(3)]);
    assert_eq!(place.crash(&[delivery(2)]).quarantined, []);
    let (in_flight, left) = place.start();
    assert_eq!(left.quarantined, [message(2)]);
    // Not held yet: it is said again.
    assert_eq!(place.start().1.quarantined, [message(2)]);
    in_flight.forget(message(2));
    assert_eq!(place.start().1.quarantined, [message(2)], "that was the file of another start");
    let (in_flight, _) = place.start();
    in_flight.forget(message(2));
    let left = place.start().1;
    assert_eq!(left, LeftBehind { suspects: vec![delivery(1), delivery(3)], quarantined: vec![] });
}

#[test]
fn an_attempt_that_ended_clears_a_suspect() {
    let place = Place::new();
    place.crash(&[delivery(1)]);
    place.crash(&[delivery(1)]);
    let (in_flight, left) = place.start();
    assert_eq!(left.suspects, [delivery(1)]);
    drop(in_flight.begin(delivery(1)));
    assert_eq!(place.start().1, LeftBehind::default());
    place.crash(&[delivery(1)]);
    assert_eq!(place.start().1, LeftBehind { suspects: vec![delivery(1)], quarantined: vec![] });
}

#[test]
fn a_crash_before_anything_is_sent_blames_nobody() {
    let place = Place::new();
    place.crash(&[delivery(1)]);
    for _ in 0..5 {
        assert_eq!(place.crash(&[]), LeftBehind { suspects: vec![delivery(1)], quarantined: vec![] });
    }
}

#[test]
fn the_deliveries_of_a_message_are_counted_together() {
    let place = Place::new();
    let of = |ordinal| message(1).delivery(Ordinal(ordinal));
    place.crash(&[of(1), of(2), of(3)]);
    place.crash(&[of(1)]);
    place.crash(&[of(3)]);
    assert_eq!(place.start().1.quarantined, [message(1)]);
}

#[test]
fn an_orderly_stop_leaves_nothing() {
    let place = Place::new();
    place.crash(&[delivery(1)]);
    let (in_flight, _) = place.start();
    let late = in_flight.begin(delivery(2));
    in_flight.close();
    drop(late);
    std::mem::forget(in_flight.begin(delivery(3)));
    assert_eq!(std::fs::read(place.path()).expect("it is there"), b"");
    assert_eq!(place.start().1, LeftBehind::default());
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let place = Place::new();
    let good = line(FLYING, 1, delivery(1));
    let cases: [&[u8]; 6] = [
        &[0; LINE],
        &[0xff; LINE],
        &line(ENDED, 2, delivery(2)),
        b"flying  x dlv_0_1                                              \n",
        b"flying  1 dlv_01010101010101010101010101010101_1             256\n",
        b"flying  1",
    ];
    for bad in cases {
        let mut bytes = bad.to_vec();
        bytes.resize(LINE, b' ');
        let bytes = [&good[..], &bytes, &good[..40]].concat();
        std::fs::write(place.path(), &bytes).expect("it can be written");
        let left = place.start().1;
        assert_eq!(left.suspects, [delivery(1)], "{:?}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn a_start_without_a_file_remembers_nothing_and_works() {
    let in_flight = Arc::new(InFlight::default());
    drop(in_flight.begin(delivery(1)));
    in_flight.close();
}
