//! The operator's listeners: `[admin]` and `[health]`. Neither is the public one, and neither can reach an origin.

mod explain;
mod table;

pub(crate) use self::table::Pages;

use crate::{
    app::logs::Losses,
    breaker::Breakers,
    explain::Rules,
    listen::{OpenConnections, Tls},
    telemetry,
    usage::Usage,
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    net::TcpListener as StdListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use telemetry::{CanaryGauges, Metrics, TableGauges};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
    time::timeout,
};
use verge_mappings::{ConsumerPins, LiveTable};

/// Operators' connections at a time: scrapers and probes, not clients.
const MAX_CONNECTIONS: usize = 64;

/// A request head must have come by then, and before it a handshake.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// What there is here.
const INDEX: &str = "/healthz\n/readyz\n/metrics\n/canary\n/usage\n/table\nPOST /explain\n";

/// What operators are shown.
pub(crate) struct Admin {
    /// Those of the configuration that serves.
    pub(crate) rules: Arc<ArcSwap<Rules>>,
    pub(crate) table: Arc<LiveTable>,
    pub(crate) breakers: Arc<Breakers>,
    pub(crate) pins: Arc<ConsumerPins>,
    pub(crate) usage: Arc<Usage>,
    /// The table as it was given away last.
    pub(crate) pages: Pages,
    /// What this node goes by in pages about several.
    pub(crate) node: String,
    pub(crate) threads: Vec<Arc<Metrics>>,
    pub(crate) open: Arc<OpenConnections>,
    pub(crate) losses: Losses,
    /// Set when the process has been told to go.
    pub(crate) leaving: Arc<AtomicBool>,
}

/// Which paths a listener serves.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// `/healthz` and `/readyz`.
    Health,
    /// Everything; with this token, where one is set.
    Admin(Option<Arc<str>>),
}

impl Admin {
    /// Serves one listener for as long as the process lives.
    pub(crate) async fn serve(
        self: Arc<Self>,
        socket: StdListener,
        access: Access,
        tls: Option<Tls>,
    ) -> std::io::Result<()> {
        let socket = TcpListener::from_std(socket)?;
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
            let Ok((stream, _)) = socket.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (this, access, tls) = (self.clone(), access.clone(), tls.clone());
            tokio::spawn(async move {
                let _place = place;
                let Some(tls) = tls else { return this.converse(stream, access).await };
                if let Ok(Ok(stream)) = timeout(HEAD_TIMEOUT, tls.acceptor().accept(stream)).await {
                    this.converse(stream, access).await;
                }
            });
        }
    }

    /// Serves one connection to its end.
    async fn converse(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin, access: Access) {
        let service = service_fn(|request| async { Ok::<_, Infallible>(self.answer(request, &access).await) });
        // A probe that hangs up early is not an event.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(&self, request: Request<Incoming>, access: &Access) -> Response<Full<Bytes>> {
        let refused = |allow| {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allow} is served here\n"));
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
            answer
        };
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/explain") => {}
            (_, "/explain") => return refused("POST"),
            (&(Method::GET | Method::HEAD), _) => {}
            _ => return refused("GET, HEAD"),
        }
        match (request.uri().path(), access) {
            // The process runs; whether it can serve is the other one's question.
            ("/healthz", _) => text(StatusCode::OK, "ok\n"),
            ("/readyz", _) => self.readiness(),
            (_, Access::Admin(Some(token))) if !bears(&request, token) => {
                let mut answer = text(StatusCode::UNAUTHORIZED, "send the admin token: Authorization: Bearer …\n");
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                answer
            }
            ("/metrics", Access::Admin(_)) => {
                let page = telemetry::render(
                    &self.threads,
                    &self.gauges(),
                    &self.arms(),
                    &self.pins.status(),
                    &self.usage.gauges(),
                    &self.open,
                    self.losses.count(),
                );
                let mut answer = text(StatusCode::OK, page);
                answer
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
                answer
            }
            ("/canary", Access::Admin(_)) => {
                let page = serde_json::json!({"node": self.node, "arms": self.breakers.report()});
                json(StatusCode::OK, &page)
            }
            ("/usage", Access::Admin(_)) => json(StatusCode::OK, &self.usage.page(&self.node, api_of(&request))),
            ("/explain", Access::Admin(_)) => self.explain(request.into_body()).await,
            ("/table", Access::Admin(_)) => self.table(&request).await,
            ("/", Access::Admin(_)) => text(StatusCode::OK, INDEX),
            _ => text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }

    /// Ready = a table is held, and nobody has asked this process to go.
    fn readiness(&self) -> Response<Full<Bytes>> {
        let (gauges, status) = (self.gauges(), self.table.status());
        let leaving = self.leaving.load(Ordering::Acquire);
        let ready = gauges.loaded && !leaving;
        let why = match (leaving, gauges.loaded) {
            (true, _) => Some("shutting down".to_owned()),
            (false, false) => status.waiting,
            (false, true) => None,
        };
        // Of reads that are going wrong now; one that is over is in the counters.
        let failing: Vec<String> =
            status.sources.iter().filter_map(|source| source.error.as_ref().map(ToString::to_string)).collect();
        let body = serde_json::json!({
            "ready": ready,
            "why": why,
            "held_back": status.held_back,
            "last_error": (!failing.is_empty()).then(|| failing.join("; ")),
            "table": {
                "rows": gauges.rows,
                "invalid": gauges.invalid,
                "generation": gauges.generation,
                "age_seconds": gauges.age.map(|age| age.as_secs()),
                "from_disk": gauges.restored,
                "frozen": gauges.frozen,
                "apis_loaded": gauges.demand.map(|demand| demand.apis),
            },
        });
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        json(status, &body)
    }

    fn arms(&self) -> CanaryGauges {
        CanaryGauges { arms: self.breakers.report(), trips: self.breakers.trips() }
    }

    fn gauges(&self) -> TableGauges {
        let status = self.table.status();
        TableGauges {
            loaded: status.ready,
            rows: status.rows,
            invalid: status.invalid,
            generation: status.generation,
            age: status.age,
            refreshes: status.succeeded,
            failures: status.failed.into_iter().collect(),
            poll_failures: status.polls_failed.into_iter().collect(),
            snapshot_failures: status.snapshots_failed.into_iter().collect(),
            restored: status.restored,
            frozen: status.frozen,
            held_back: status.held_back.is_some(),
            demand: status.demand,
        }
    }
}

/// `?api=NAME`.
fn api_of(request: &Request<Incoming>) -> Option<&str> {
    request.uri().query()?.split('&').find_map(|one| one.strip_prefix("api="))
}

fn bears(request: &Request<Incoming>, token: &str) -> bool {
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    sent.is_some_and(|sent| same(sent, token.as_bytes()))
}

/// Compares in a time that does not tell where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut answer = text(status, format!("{body}\n"));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
