use super::super::entry::Identity;
use super::*;
use postledger_core::delivery::{Phase, State};
use postledger_core::id::{MessageId, Ordinal};
use postledger_core::policy::Policy;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// An entry that is due at `due` and in no tree.
fn add(entries: &mut Slab, number: u32, due: i64) -> Slot {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    let identity = Identity {
        message: MessageId::from_bytes(bytes),
        ordinal: Ordinal(1),
        version: 0,
        message_version: 1,
        tenant: 0,
        domain: 0,
        route: 0,
        tags: 0,
    };
    let due = Timestamp::from_micros(due);
    let policy = Arc::new(Policy::default());
    let state = State {
        phase: Phase::Queued { due },
        policy: policy.clone(),
        send_at: None,
        ready_at: due,
        expires_after: policy.expires_after,
        is_committed: true,
        is_content_gone: false,
        is_bounced: false,
        is_complained: false,
        attempts: 0,
        spent: 0,
        unknown_attempts: 0,
        is_unresolved: false,
        idle_rounds: 0,
        tried: Vec::new(),
        relay: None,
    };
    entries.insert(Entry::new(identity, policy, &state, &[]).expect("it is open"))
}

fn in_order(tree: &Tree<ByBin>, entries: &Slab) -> Vec<Slot> {
    let next = |slot: &Slot| {
        let (bin, due, slot) = ByBin::key(entries.entry(*slot)?, *slot);
        tree.first_from(entries, (bin, due, slot + 1))
    };
    std::iter::successors(tree.first(entries), next).collect()
}

fn depth(entries: &Slab, slot: Slot) -> usize {
    let Some(entry) = entries.entry(slot) else { return 0 };
    1 + entry.links[ByBin::LINKS].map(|below| depth(entries, below)).into_iter().max().unwrap_or_default()
}

proptest! {
    #[test]
    fn it_is_a_sorted_set(steps in prop::collection::vec((0_u32..60, 0_i64..20, any::<bool>()), 0..300)) {
        let (mut entries, mut tree, mut model) = (Slab::default(), Tree::<ByBin>::default(), BTreeSet::new());
        let slots: Vec<_> = (0..60).map(|number| add(&mut entries, number, 0)).collect();
        for (number, due, is_in) in steps {
            let slot = slots[number as usize];
            let key = |entries: &Slab| ByBin::key(entries.entry(slot).expect("it is there"), slot);
            // Also of what is not in it.
            tree.remove(&mut entries, slot);
            model.remove(&key(&entries));
            entries.entry_mut(slot).expect("it is there").due = Timestamp::from_micros(due);
            if is_in {
                tree.insert(&mut entries, slot);
                model.insert(key(&entries));
            }
            let expected: Vec<_> = model.iter().map(|(_, _, slot)| *slot).collect();
            prop_assert_eq!(in_order(&tree, &entries), expected);
            prop_assert_eq!(tree.is_empty(), model.is_empty());
        }
    }
}

#[test]
fn it_stays_flat_whatever_the_order() {
    let count = 20_000_i64;
    let orders: [fn(i64) -> i64; 4] =
        [|n| n, |n| -n, |n| n % 2 * n, |n| n.wrapping_mul(0x9e37_79b9) % 1_000_003];
    for order in orders {
        let (mut entries, mut tree) = (Slab::default(), Tree::<ByBin>::default());
        for (number, at) in (0..).zip(0..count) {
            let slot = add(&mut entries, number, order(at));
            tree.insert(&mut entries, slot);
        }
        // A random tree of so many is 30 deep, and hardly ever twice that.
        let deep = depth(&entries, tree.root);
        assert!(deep < 60, "{deep}");
        // And stays so while the first goes and another comes.
        for number in 0..u32::try_from(count).expect("few") {
            let first = tree.first(&entries).expect("it is full");
            tree.remove(&mut entries, first);
            entries.remove(first);
            let slot =
                add(&mut entries, number + u32::try_from(count).expect("few"), order(i64::from(number)));
            tree.insert(&mut entries, slot);
        }
        let deep = depth(&entries, tree.root);
        assert!(deep < 60, "{deep}");
    }
}
