//! What is said of a panic: where, and never its own words. They may quote what was worked on, which is mail.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

/// From here on, in all threads.
pub fn describe() {
    std::panic::set_hook(Box::new(say));
}

#[expect(clippy::print_stderr, reason = "where there is no log, a panic must still be seen")]
fn say(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = std::thread::current().name().unwrap_or("without a name").to_owned();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    if tracing::dispatcher::has_been_set() {
        tracing::error!(place, thread, backtrace, "a panic: please report it");
    } else {
        eprintln!("a panic at {place}: please report it\n{}", backtrace.unwrap_or_default());
    }
}
