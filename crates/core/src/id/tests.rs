use super::*;

#[test]
fn ids_print_and_parse_alike() {
    let message = MessageId::new(Timestamp::from_micros(1_796_115_600_000_000), [0xab; 10]);
    assert_eq!(message.to_string().len(), 36);
    assert_eq!(message.to_string().as_bytes()[16], b'7', "version 7");
    assert_eq!(message.to_string().parse(), Ok(message));
    let delivery = message.delivery(Ordinal(50));
    assert_eq!(delivery.to_string().parse(), Ok(delivery));
    let key = KeyId([1, 2, 3, 4, 5, 6, 7, 8]);
    for stream in [Stream::Message(message), Stream::Key(key), Stream::Node] {
        assert_eq!(stream.to_string().parse(), Ok(stream));
    }
}

#[test]
fn an_id_has_one_spelling() {
    let good = MessageId::from_bytes([0xab; 16]);
    assert!(good.to_string().to_uppercase().parse::<MessageId>().is_err());
    assert!(format!("{}00", good).parse::<MessageId>().is_err());
    let hex = &good.to_string()[4..];
    for ordinal in ["", "0", "01", "+1", "70000", "1 "] {
        assert!(format!("dlv_{hex}_{ordinal}").parse::<DeliveryId>().is_err(), "{ordinal:?}");
    }
}

#[test]
fn later_ids_sort_later() {
    let earlier = MessageId::new(Timestamp::from_micros(1_000_000), [0xff; 10]);
    let later = MessageId::new(Timestamp::from_micros(2_000_000), [0; 10]);
    assert!(earlier < later);
}

#[test]
fn an_epoch_is_a_term_and_a_start() {
    let epoch = Epoch((3 << 32) | 7);
    assert_eq!((epoch.term(), epoch.start()), (3, 7));
    assert_eq!(epoch.next_start().to_string(), "3.8");
}
