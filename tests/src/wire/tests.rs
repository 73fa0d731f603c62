//! Negative controls: what is wrong on the wire is found by who looks at octets, and what differs by who compares.

use super::letter::Letter;
use super::octets;
use super::readers;
use crate::dice::Dice;
use crate::python::Python;

const BEFORE: &str = "EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n";

#[test]
fn octets_that_must_not_be_are_found() {
    let good = format!("{BEFORE}Subject: x\r\n y\r\n\r\n..a\r\n.\r\nQUIT\r\n");
    assert_eq!(octets::judge(good.as_bytes()), Ok(1));
    let long = format!("Subject: x\r\n\r\n{}\r\n.\r\n", "x".repeat(999));
    for text in [
        "Subject: x\r\n\r\na\nb\r\n.\r\n",
        "Subject: x\r\n\r\na\rb\r\n.\r\n",
        "Subject: x\r\n\r\na\0b\r\n.\r\n",
        "Subject: x\r\n\r\n.a\r\n.\r\n",
        "Subject: x\r\n\r\na\r\n.\r\nb\r\n.\r\n",
        "Subject: x\r\n\r\na\r\n",
        "Subject: x\r\n.\r\n",
        "Subject: x\r\nBcc: eve@evil.example\r\n\r\na\r\n.\r\n",
        "Subject: x\r\n \r\n\r\na\r\n.\r\n",
        "no field\r\n\r\na\r\n.\r\n",
        "Subject: x\r\n\r\na\r\n.\r\nRCPT TO:<eve@evil.example>\r\n",
        &long,
    ] {
        assert!(octets::judge(format!("{BEFORE}{text}").as_bytes()).is_err(), "{text:?}");
    }
}

/// A message as the service writes it, with one thing changed.
#[test]
fn what_differs_from_what_was_asked_is_found_by_both() {
    let mut asked = Letter::new(1, &mut Dice::new(1));
    asked.make_plain();
    let said = "Message-ID: <1@shop.example>\r\nFrom: Shop <shop@example.net>\r\nTo: Ann <n1.t@example.net>\r\n\
                Subject: Your order\r\nX-Order: 17\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHello\r\n--b\r\n\
                Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\n\
                Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n";
    let mut python = Python::start("read_mail").unwrap();
    let mut verdicts = |said: &str| {
        let foreign = readers::python(&mut python, [said.as_bytes()].into_iter()).unwrap().remove(0);
        let other = readers::mail_parser(said.as_bytes()).unwrap();
        [foreign.compare(&asked), other.compare(&asked)]
    };
    assert_eq!(verdicts(said), [Ok(()), Ok(())]);
    for (from, to) in [
        ("Shop <", "Shop2 <"),
        ("shop@", "shop2@"),
        ("Ann", "Anne"),
        ("To: ", "Cc: "),
        ("Your order", "Your orders"),
        ("X-Order: 17", "X-Order: 18"),
        ("X-Order: 17\r\n", ""),
        ("X-Order: 17\r\n", "X-Order: 17\r\nX-More: 1\r\n"),
        ("X-Order: 17\r\n", "X-Order: 17\r\nBcc: eve@evil.example\r\n"),
        ("Hello", "Hallo"),
        ("Hello\r\n", "Hello\r\n\r\n\r\n"),
        ("text/plain", "text/html"),
        ("a.pdf", "b.pdf"),
        ("application/pdf", "application/zip"),
        ("AAEC", "AAED"),
    ] {
        assert!(said.contains(from), "{from}");
        let [python, other] = verdicts(&said.replacen(from, to, 1));
        assert!(python.is_err() && other.is_err(), "{from:?} as {to:?}: {python:?}, {other:?}");
    }
}
