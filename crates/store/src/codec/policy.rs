//! The policy inside `queued`.

use super::text::{Span, Text};
use postledger_core::name::RouteName;
use postledger_core::policy::{OnUnknown, Policy, Prepare, Priority, RetryPolicy};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredPolicy {
    priority: Text<Priority>,
    retry: StoredRetry,
    expires_after_us: Span,
    on_unknown: Text<OnUnknown>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    route: Option<Text<RouteName>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    prepare: Option<StoredPrepare>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRetry {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    max_attempts: Option<u32>,
    schedule_us: Vec<Span>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPrepare {
    commit_within_us: Span,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    check_url: Option<String>,
}

impl From<&Policy> for StoredPolicy {
    fn from(policy: &Policy) -> Self {
        Self {
            priority: Text(policy.priority),
            retry: StoredRetry {
                max_attempts: policy.retry.max_attempts,
                schedule_us: policy.retry.schedule.iter().copied().map(Span).collect(),
            },
            expires_after_us: Span(policy.expires_after),
            on_unknown: Text(policy.on_unknown),
            route: policy.route.clone().map(Text),
            prepare: policy.prepare.as_ref().map(|prepare| StoredPrepare {
                commit_within_us: Span(prepare.commit_within),
                check_url: prepare.check_url.clone(),
            }),
        }
    }
}

impl From<StoredPolicy> for Policy {
    fn from(stored: StoredPolicy) -> Self {
        Self {
            priority: stored.priority.0,
            retry: RetryPolicy {
                max_attempts: stored.retry.max_attempts,
                schedule: stored.retry.schedule_us.into_iter().map(|span| span.0).collect(),
            },
            expires_after: stored.expires_after_us.0,
            on_unknown: stored.on_unknown.0,
            route: stored.route.map(|route| route.0),
            prepare: stored.prepare.map(|prepare| Prepare {
                commit_within: prepare.commit_within_us.0,
                check_url: prepare.check_url,
            }),
        }
    }
}
