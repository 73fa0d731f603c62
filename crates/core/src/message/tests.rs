use super::*;

#[test]
fn the_message_has_the_shared_status_or_one_of_two() {
    let table: [(&[Status], MessageStatus); 6] = [
        (&[Status::Delivered], MessageStatus::Delivered),
        (&[Status::Delivered, Status::Delivered], MessageStatus::Delivered),
        (&[Status::Delivered, Status::Failed], MessageStatus::Partial),
        (&[Status::Delivered, Status::Deferred], MessageStatus::InProgress),
        (&[Status::Queued, Status::Scheduled], MessageStatus::InProgress),
        (&[Status::Held, Status::Held], MessageStatus::Held),
    ];
    for (statuses, expected) in table {
        assert_eq!(MessageStatus::of(statuses.iter().copied()), expected, "{statuses:?}");
    }
}
