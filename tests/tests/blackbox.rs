//! The real binary from outside: one behaviour per file, each test with a service, a directory and sinks of its own.

#[cfg(test)]
mod blackbox {
    mod api_tls;
    mod behind_proxy;
    mod changed_byte;
    mod controls;
    mod disk_full;
    mod dkim;
    mod doctor;
    mod drill;
    mod everything_ends;
    mod examples;
    mod failover;
    mod foreign_server;
    mod hostile;
    mod idempotency;
    mod kill_under_load;
    mod log;
    mod log_not_synced;
    mod lying_disk;
    mod older_ledger;
    mod one_message_many_fates;
    mod other_format;
    mod outage;
    mod pages;
    mod panic_in_one_delivery;
    mod poison;
    mod power_cut;
    mod proxy;
    mod relay_goes_wrong;
    mod reload;
    mod replay;
    mod restarts_under_load;
    mod routes;
    mod smtp_matrix;
    mod supervisor;
    mod sync_failure;
    mod tls;
    mod urgency;
    mod views_deleted;
    mod views_of_another_revision;
    mod wire;
}
