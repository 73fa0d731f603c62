#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| postledger_targets::feed("event", input));
