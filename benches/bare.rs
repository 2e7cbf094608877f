//! pingora itself, told to route by version: a header, a hash map, an origin. What Verge costs beyond this is Verge.
//!
//! `bare-pingora LISTEN ORIGIN plain|tls CA VERSIONS`: `VERSIONS` versions, `v1` and so on, are served by
//! `v1.example.com` and so on, all of them at `ORIGIN`, under `/prod`. It writes what
//! Verge writes into requests and answers.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a bench that cannot be set up stops")]

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, Uri, header};
use pingora_core::{
    protocols::ALPN,
    server::{Server, configuration::ServerConf},
    upstreams::peer::HttpPeer,
};
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};
use std::{collections::HashMap, env, net::SocketAddr, sync::Arc, time::Duration};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Bare {
    domains: HashMap<HeaderValue, HeaderValue>,
    origin: SocketAddr,
    tls: bool,
}

/// What a client must not say to an origin, and Verge says instead.
const REPLACED: [&str; 4] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"];

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = Option<HeaderValue>;

    fn new_ctx(&self) -> Self::CTX {
        None
    }

    fn init_downstream_modules(&self, _: &mut pingora_core::modules::http::HttpModules) {}

    async fn upstream_peer(&self, session: &mut Session, domain: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        let version = session.req_header().headers.get("apiver");
        *domain = version.and_then(|version| self.domains.get(version)).cloned();
        let Some(domain) = domain else {
            return Error::e_explain(ErrorType::HTTPStatus(403), "unknown version");
        };
        let mut peer = HttpPeer::new(self.origin, self.tls, domain.to_str().unwrap_or_default().to_owned());
        peer.options.connection_timeout = Some(Duration::from_secs(5));
        peer.options.read_timeout = Some(Duration::from_secs(35));
        peer.options.idle_timeout = Some(Duration::from_secs(60));
        peer.options.alpn = ALPN::H1;
        Ok(Box::new(peer))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        domain: &mut Self::CTX,
    ) -> Result<()> {
        if let Some(domain) = domain {
            upstream.insert_header(http::header::HOST, domain.clone())?;
        }
        write_request(session, upstream)?;
        let target = session.req_header().uri.path_and_query().map_or("/", |target| target.as_str());
        upstream.set_uri(Uri::try_from(format!("/prod{target}")).unwrap_or_default());
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        answer: &mut ResponseHeader,
        _: &mut Self::CTX,
    ) -> Result<()> {
        let version = session.req_header().headers.get("apiver").cloned();
        answer.insert_header("api-version", version.unwrap_or(HeaderValue::from_static("none")))?;
        answer.append_header(header::VARY, HeaderValue::from_static("Accept, APIVER"))?;
        Ok(())
    }
}

/// The fields of Verge's contract, as somebody would write them who reads pingora's documentation.
fn write_request(session: &Session, upstream: &mut RequestHeader) -> Result<()> {
    for name in REPLACED {
        upstream.remove_header(name);
    }
    let own: Vec<HeaderName> =
        upstream.headers.keys().filter(|name| name.as_str().starts_with("verge-")).cloned().collect();
    for name in own {
        upstream.remove_header(&name);
    }
    let received = &session.req_header().headers;
    if let Some(client) = session.client_addr().and_then(|address| address.as_inet()) {
        upstream.insert_header("x-forwarded-for", client.ip().to_string())?;
    }
    upstream.insert_header("x-forwarded-proto", "http")?;
    if let Some(host) = received.get(header::HOST) {
        upstream.insert_header("x-forwarded-host", host.clone())?;
    }
    let id = format!("{:032x}", fastrand::u128(..));
    if !received.contains_key("traceparent") {
        upstream.insert_header("traceparent", format!("00-{id}-{:016x}-00", fastrand::u64(..)))?;
    }
    upstream.insert_header("x-request-id", id)?;
    if let Some(version) = received.get("apiver") {
        upstream.insert_header("verge-version", version.clone())?;
    }
    upstream.append_header(header::VIA, "1.1 bare")?;
    upstream.append_header("cdn-loop", "bare")?;
    Ok(())
}

fn main() {
    let mut arguments = env::args().skip(1);
    let mut next = |what: &str| arguments.next().unwrap_or_else(|| panic!("missing argument: {what}"));
    let (listen, origin) = (next("LISTEN"), next("ORIGIN").parse().unwrap());
    let tls = next("plain or tls") == "tls";
    let conf = ServerConf {
        threads: 1,
        work_stealing: false,
        ca_file: Some(next("CA")).filter(|_| tls),
        upstream_keepalive_pool_size: 512,
        ..ServerConf::default()
    };
    let versions: usize = next("VERSIONS").parse().unwrap();
    let text = |text: String| HeaderValue::try_from(text).unwrap();
    let domains = (1..=versions).map(|n| (text(format!("v{n}")), text(format!("v{n}.example.com")))).collect();

    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let configuration: Arc<ServerConf> = server.configuration.clone();
    let mut service = http_proxy_service(&configuration, Bare { domains, origin, tls });
    service.add_tcp(&listen);
    server.add_service(service);
    server.run_forever();
}
