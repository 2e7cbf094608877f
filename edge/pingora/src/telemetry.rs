//! Every name Verge emits: metrics, and the fields of the access log.
//!
//! Label sets are bounded: reasons and status classes are closed lists, and API names come from the table.

pub(crate) mod access;
mod arms;
pub(crate) mod lines;
mod page;
mod pins;
mod table;
mod usage;

pub(crate) use arms::CanaryGauges;
pub(crate) use table::TableGauges;

use crate::{
    listen::{Full, OpenConnections},
    usage::VersionGauge,
};
use page::Page;
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use verge_mappings::PinStatus;
use verge_router::Reason;

/// Upper bounds of the duration histogram, in milliseconds; the last bucket has none.
const BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000];

/// Counters a serving thread touches; each thread has its own set, so that no cache line is shared between cores.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By status class, 1xx to 5xx.
    responses: [AtomicU64; 5],
    /// By reason, in the order of [`Reason::ALL`].
    reasons: [AtomicU64; Reason::ALL.len()],
    durations: [AtomicU64; BUCKETS_MS.len() + 1],
    duration_micros: AtomicU64,
    connections: AtomicU64,
    handshakes_failed: AtomicU64,
    /// By limit, in the order of [`Full::ALL`].
    turned_away: [AtomicU64; Full::ALL.len()],
    accepts_failed: AtomicU64,
    floods: AtomicU64,
    /// By what it ended, in the order of [`Malformed::ALL`].
    malformed: [AtomicU64; Malformed::ALL.len()],
    certificates_failed: AtomicU64,
    /// By what was waited for, in the order of [`Waited::ALL`].
    timed_out: [AtomicU64; Waited::ALL.len()],
    upstream_retries: AtomicU64,
    retries_denied: AtomicU64,
    addresses_set_back: AtomicU64,
    /// By reason, in the order of [`Reason::ALL`].
    cut: [AtomicU64; Reason::ALL.len()],
    fallbacks: AtomicU64,
}

/// What a client was too slow with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    Handshake,
    Head,
    Body,
    Answer,
    Request,
    Tunnel,
}

impl Waited {
    const ALL: [Self; 6] = [Self::Handshake, Self::Head, Self::Body, Self::Answer, Self::Request, Self::Tunnel];

    fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Head => "head",
            Self::Body => "body",
            Self::Answer => "answer",
            Self::Request => "request",
            Self::Tunnel => "tunnel",
        }
    }
}

/// What ended because it was not HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    Stream,
    Connection,
}

impl Malformed {
    const ALL: [Self; 2] = [Self::Stream, Self::Connection];

    fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Connection => "connection",
        }
    }
}

/// Panics in this process; they end one connection or stream each, and are bugs.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Questions to name servers that got no addresses; all threads share what is known of a name.
static LOOKUPS_FAILED: AtomicU64 = AtomicU64::new(0);

/// A name of an origin could not be looked up.
pub(crate) fn lookup_failed() {
    LOOKUPS_FAILED.fetch_add(1, Relaxed);
}

/// Counts panics and logs them in one line, instead of the default's trace on stderr.
pub(crate) fn watch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Relaxed);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("(no message)");
        tracing::error!(place, message, "a task panicked; this is a bug, please report it");
    }));
}

impl Metrics {
    /// A request was answered.
    pub(crate) fn answered(&self, status: u16, duration: Duration) {
        if let Some(class) = self.responses.get(usize::from(status / 100).wrapping_sub(1)) {
            class.fetch_add(1, Relaxed);
        }
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_MS.iter().position(|most| millis < *most).unwrap_or(BUCKETS_MS.len());
        if let Some(bucket) = self.durations.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        self.duration_micros.fetch_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// A reply of ours, for this reason.
    pub(crate) fn replied(&self, reason: Reason) {
        count(&self.reasons, Reason::ALL.iter().position(|other| *other == reason));
    }

    /// An answer of an origin broke off after its head, for this reason.
    pub(crate) fn cut(&self, reason: Reason) {
        count(&self.cut, Reason::ALL.iter().position(|other| *other == reason));
    }

    /// A head was refused before the proxy saw it.
    pub(crate) fn refused(&self, reason: Reason) {
        self.replied(reason);
        self.answered(reason.default_status().as_u16(), Duration::ZERO);
    }

    /// A connection was accepted.
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// A connection was closed at once, for this limit.
    pub(crate) fn turned_away(&self, full: Full) {
        count(&self.turned_away, Full::ALL.iter().position(|other| *other == full));
    }

    /// A connection could not be accepted.
    pub(crate) fn accept_failed(&self) {
        self.accepts_failed.fetch_add(1, Relaxed);
    }

    /// A client sent more HTTP/2 frames than it had reason to.
    pub(crate) fn flooded(&self) {
        self.floods.fetch_add(1, Relaxed);
    }

    /// What a client sent was not HTTP/2.
    pub(crate) fn malformed(&self, ended: Malformed) {
        count(&self.malformed, Malformed::ALL.iter().position(|other| *other == ended));
    }

    /// Certificates were replaced by what cannot be used.
    pub(crate) fn certificates_failed(&self) {
        self.certificates_failed.fetch_add(1, Relaxed);
    }

    /// A client was too slow.
    pub(crate) fn timed_out(&self, waited: Waited) {
        count(&self.timed_out, Waited::ALL.iter().position(|other| *other == waited));
    }

    /// A client's TLS handshake failed.
    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    /// A request that a canary failed goes to stable.
    pub(crate) fn fell_back(&self) {
        self.fallbacks.fetch_add(1, Relaxed);
    }

    /// A request goes to an origin for the second time.
    pub(crate) fn retried(&self) {
        self.upstream_retries.fetch_add(1, Relaxed);
    }

    /// A second attempt is left out: the origin has had its tenth.
    pub(crate) fn not_retried(&self) {
        self.retries_denied.fetch_add(1, Relaxed);
    }

    /// An address took no connection.
    pub(crate) fn address_set_back(&self) {
        self.addresses_set_back.fetch_add(1, Relaxed);
    }
}

fn count(row: &[AtomicU64], at: Option<usize>) {
    if let Some(counter) = at.and_then(|at| row.get(at)) {
        counter.fetch_add(1, Relaxed);
    }
}

/// Writes the Prometheus text format (version 0.0.4).
pub(crate) fn render(
    threads: &[std::sync::Arc<Metrics>],
    table: &TableGauges,
    canary: &CanaryGauges,
    known: &PinStatus,
    versions: &[VersionGauge],
    open: &OpenConnections,
    log_dropped: u64,
) -> String {
    let sum =
        |read: &dyn Fn(&Metrics) -> &AtomicU64| threads.iter().map(|metrics| read(metrics).load(Relaxed)).sum::<u64>();
    let mut page = Page::default();
    page.family("verge_responses_total", "counter", "Answers to clients, by status class.");
    for (class, name) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().enumerate() {
        page.sample("verge_responses_total", &[("class", name)], sum_at(threads, |m| &m.responses, class));
    }
    page.family("verge_replies_total", "counter", "Answers Verge authored itself, by reason.");
    for (at, reason) in Reason::ALL.iter().enumerate() {
        page.sample("verge_replies_total", &[("reason", reason.code())], sum_at(threads, |m| &m.reasons, at));
    }
    page.family("verge_request_duration_seconds", "histogram", "From a request's head to the end of its answer.");
    let mut total = 0;
    for (at, most) in BUCKETS_MS.iter().enumerate() {
        total += sum_at(threads, |m| &m.durations, at);
        let seconds = Duration::from_millis(*most).as_secs_f64().to_string();
        page.sample("verge_request_duration_seconds_bucket", &[("le", &seconds)], total);
    }
    total += sum_at(threads, |m| &m.durations, BUCKETS_MS.len());
    page.sample("verge_request_duration_seconds_bucket", &[("le", "+Inf")], total);
    page.sample(
        "verge_request_duration_seconds_sum",
        &[],
        Duration::from_micros(sum(&|m| &m.duration_micros)).as_secs_f64(),
    );
    page.sample("verge_request_duration_seconds_count", &[], total);

    page.single("verge_connections_total", "counter", "Connections accepted.", sum(&|m| &m.connections));
    page.single("verge_connections", "gauge", "Connections open now.", open.count());
    let requests = open.requests();
    page.single("verge_requests", "gauge", "Requests under way now.", requests.count());
    page.single("verge_memory_resident_bytes", "gauge", "Memory that the process takes.", requests.resident());
    page.single(
        "verge_memory_limit_bytes",
        "gauge",
        "Memory over which load is shed; 0 for none.",
        requests.memory_limit(),
    );
    page.single("verge_memory_short", "gauge", "Whether load is shed for memory.", u8::from(requests.is_short()));
    page.single(
        "verge_tls_handshakes_failed_total",
        "counter",
        "Client handshakes that failed.",
        sum(&|m| &m.handshakes_failed),
    );
    page.single(
        "verge_accept_failures_total",
        "counter",
        "Connections that could not be accepted, as without descriptors.",
        sum(&|m| &m.accepts_failed),
    );
    page.family("verge_connections_refused_total", "counter", "Connections closed at once, by the limit reached.");
    for (at, full) in Full::ALL.iter().enumerate() {
        let refused = sum_at(threads, |m| &m.turned_away, at);
        page.sample("verge_connections_refused_total", &[("limit", full.as_str())], refused);
    }
    page.single(
        "verge_certificate_failures_total",
        "counter",
        "Replaced certificates that could not be used.",
        sum(&|m| &m.certificates_failed),
    );
    page.single("verge_http2_floods_total", "counter", "Connections ended for their frames.", sum(&|m| &m.floods));
    page.family("verge_http2_malformed_total", "counter", "What ended because what came was not HTTP/2.");
    for (at, ended) in Malformed::ALL.iter().enumerate() {
        let times = sum_at(threads, |m| &m.malformed, at);
        page.sample("verge_http2_malformed_total", &[("ended", ended.as_str())], times);
    }
    page.family("verge_client_timeouts_total", "counter", "Clients that were too slow, by what was waited for.");
    for (at, waited) in Waited::ALL.iter().enumerate() {
        let slow = sum_at(threads, |m| &m.timed_out, at);
        page.sample("verge_client_timeouts_total", &[("waiting_for", waited.as_str())], slow);
    }
    page.single(
        "verge_upstream_retries_total",
        "counter",
        "Second attempts at an origin.",
        sum(&|m| &m.upstream_retries),
    );
    page.single(
        "verge_upstream_retries_denied_total",
        "counter",
        "Second attempts left out, for an origin has had its tenth.",
        sum(&|m| &m.retries_denied),
    );
    page.single(
        "verge_origin_addresses_set_back_total",
        "counter",
        "Times that an address took no connection and was set back.",
        sum(&|m| &m.addresses_set_back),
    );
    page.single(
        "verge_origin_lookups_failed_total",
        "counter",
        "Questions to name servers that got no address.",
        LOOKUPS_FAILED.load(Relaxed),
    );
    page.family("verge_answers_cut_total", "counter", "Answers of origins that broke off, by reason.");
    for reason in
        [Reason::OriginUnreachable, Reason::OriginTls, Reason::OriginTimeout, Reason::BodyTooLarge, Reason::Internal]
    {
        let at = Reason::ALL.iter().position(|other| *other == reason).unwrap_or_default();
        page.sample("verge_answers_cut_total", &[("reason", reason.code())], sum_at(threads, |m| &m.cut, at));
    }
    page.single(
        "verge_arm_fallbacks_total",
        "counter",
        "Second attempts at stable, after another arm failed.",
        sum(&|m| &m.fallbacks),
    );
    page.single("verge_panics_total", "counter", "Panics that were contained; each is a bug.", PANICS.load(Relaxed));
    page.single("verge_log_dropped_total", "counter", "Lines lost because a log was not read or written.", log_dropped);

    table::write(&mut page, table);
    arms::write(&mut page, canary);
    pins::write(&mut page, known);
    usage::write(&mut page, versions);
    page.family("verge_build_info", "gauge", "The version of Verge.");
    page.sample("verge_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.text
}

fn sum_at<const N: usize>(
    threads: &[std::sync::Arc<Metrics>],
    row: impl Fn(&Metrics) -> &[AtomicU64; N],
    at: usize,
) -> u64 {
    threads.iter().filter_map(|metrics| row(metrics).get(at)).map(|counter| counter.load(Relaxed)).sum()
}

#[cfg(test)]
mod tests;
