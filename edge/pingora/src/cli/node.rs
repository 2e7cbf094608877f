//! A running node, asked through its admin listener.

mod trust;

use super::{Exit, Failure, config};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header, request::Builder, uri::Authority};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value as Json;
use std::{
    error::Error,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use trust::Trust;
use verge_config::{Config, Secret};

/// A node that has not answered by then is left out.
const PATIENCE: Duration = Duration::from_secs(3);

/// Answers beyond this are none.
const LONGEST: usize = 4 << 20;

/// Where a node's admin listener is: `http://host[:port]`, or `https`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    secure: bool,
    authority: Authority,
}

impl FromStr for Node {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a node is named by its admin listener, such as http://127.0.0.1:9901".to_owned();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let bare = uri.path_and_query().is_none_or(|rest| rest == "/");
        match (uri.scheme_str(), uri.authority()) {
            (Some(scheme @ ("http" | "https")), Some(authority)) if bare && !authority.as_str().contains('@') => {
                Ok(Self { secure: scheme == "https", authority: authority.clone() })
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority)
    }
}

/// Which nodes are asked, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct NodesArg {
    /// A node's admin listener, such as http://10.0.0.7:9901; may be repeated. Default: the configuration's own.
    #[arg(long = "node", value_name = "URL")]
    nodes: Vec<Node>,
    #[command(flatten)]
    operator: OperatorArg,
}

/// What nodes are shown by who asks them.
#[derive(Debug, clap::Args)]
pub(crate) struct OperatorArg {
    /// The admin token of nodes, as env:NAME; default: the configuration's.
    #[arg(long, value_name = "SECRET", value_parser = Secret::parse)]
    token: Option<Secret>,
    /// Who signs the certificates of nodes at https, PEM; default: whom the system trusts. The certificate that [admin]
    /// names is believed in any case.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate to show them, PEM, where they ask for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

/// Who asks nodes, as they are shown it.
#[derive(Clone)]
pub(crate) struct Operator {
    token: Option<String>,
    tls: Option<TlsConnector>,
}

impl NodesArg {
    /// The nodes that are meant, and what they are shown.
    ///
    /// # Errors
    /// The token's variable is not set, or a file cannot be used.
    pub(crate) fn open(&self, config: &Config) -> Result<(Vec<Node>, Operator), Failure> {
        let admin = config.admin.as_ref();
        let nodes = match (&*self.nodes, admin.and_then(|admin| own(admin.address, admin.tls.is_some()))) {
            ([], own) => own.into_iter().collect(),
            (named, _) => named.to_vec(),
        };
        let operator = self.operator.open(&nodes, config)?;
        Ok((nodes, operator))
    }
}

impl OperatorArg {
    /// What these nodes are shown.
    ///
    /// # Errors
    /// The token's variable is not set, or a file cannot be used.
    pub(crate) fn open(&self, nodes: &[Node], config: &Config) -> Result<Operator, Failure> {
        let admin = config.admin.as_ref();
        let token = match (&self.token, admin.and_then(|admin| admin.token.as_ref())) {
            (Some(secret), _) => Some(config::secret(secret, "--token")?),
            // Whoever only looks at the table may not have it.
            (None, Some(secret)) => config::secret(secret, "[admin] token").ok(),
            (None, None) => None,
        };
        if token.as_ref().is_some_and(|token| HeaderValue::try_from(token.as_str()).is_err()) {
            return Err(Failure::new(
                Exit::Config,
                "the admin token cannot stand in a field: it has a control character",
            ));
        }
        let own = admin.and_then(|admin| admin.tls.as_ref());
        let tls = if nodes.iter().any(|node| node.secure) {
            let trust = Trust {
                authorities: self.ca.as_deref(),
                own: own.map(|tls| Path::new(&tls.files.certificate)),
                shown: self.certificate.as_deref().zip(self.key.as_deref()),
            };
            let config = trust.config().map_err(|reason| Failure::new(Exit::Config, reason))?;
            Some(TlsConnector::from(config))
        } else {
            None
        };
        Ok(Operator { token, tls })
    }
}

/// Where this machine reaches a listener of its own.
fn own(address: SocketAddr, secure: bool) -> Option<Node> {
    let loopback: SocketAddr = match address {
        address if !address.ip().is_unspecified() => address,
        SocketAddr::V4(_) => ([127, 0, 0, 1], address.port()).into(),
        SocketAddr::V6(_) => ([0, 0, 0, 0, 0, 0, 0, 1], address.port()).into(),
    };
    let authority = (loopback.port() != 0).then(|| loopback.to_string().parse().ok())??;
    Some(Node { secure, authority })
}

impl Node {
    /// Asks for a path and reads the JSON that comes.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) async fn get(&self, path: &str, operator: &Operator) -> Result<Json, String> {
        self.ask(Request::get(path), String::new(), operator).await
    }

    /// Sends JSON to a path and reads the JSON that comes.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) async fn post(&self, path: &str, body: &Json, operator: &Operator) -> Result<Json, String> {
        self.ask(Request::post(path), body.to_string(), operator).await
    }

    async fn ask(&self, request: Builder, body: String, operator: &Operator) -> Result<Json, String> {
        let mut request = request.header(header::HOST, self.authority.as_str());
        if let Some(token) = &operator.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::from(body)).map_err(|error| error.to_string())?;
        let late = |_| format!("no answer within {}s", PATIENCE.as_secs());
        timeout(PATIENCE, self.exchange(request, operator)).await.map_err(late)?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>, operator: &Operator) -> Result<Json, String> {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = self.authority.port_u16().unwrap_or(if self.secure { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
        match operator.tls.as_ref().filter(|_| self.secure) {
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
                let stream = tls.connect(name, stream).await.map_err(|error| error.to_string())?;
                converse(stream, request).await
            }
            None => converse(stream, request).await,
        }
    }
}

/// Sends a request, and reads what is answered.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Json, String> {
    let (path, known) = (request.uri().path().to_owned(), request.headers().contains_key(header::AUTHORIZATION));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| words(&error))?;
    let connection = tokio::spawn(connection);
    let answer = match sender.send_request(request).await {
        Ok(answer) => answer,
        // In TLS 1.3 a certificate is refused after the handshake; the connection says so, the request only that it is over.
        Err(error) => {
            let why = connection.await.ok().and_then(Result::err);
            return Err(words(why.as_ref().unwrap_or(&error)));
        }
    };
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LONGEST).collect().await.map_err(|error| error.to_string())?;
    connection.abort();
    match status {
        StatusCode::OK => {
            serde_json::from_slice(&body.to_bytes()).map_err(|error| format!("{path} is not JSON: {error}"))
        }
        StatusCode::UNAUTHORIZED if known => Err("it wants another admin token".to_owned()),
        StatusCode::UNAUTHORIZED => Err("it wants an admin token: --token env:NAME".to_owned()),
        StatusCode::BAD_REQUEST | StatusCode::SERVICE_UNAVAILABLE => {
            Err(String::from_utf8_lossy(&body.to_bytes()).trim_end().to_owned())
        }
        StatusCode::NOT_FOUND => Err(format!("it has no {path}: is this the admin listener?")),
        status => Err(format!("it answers {path} with {}", status.as_u16())),
    }
}

/// What went wrong, down to its cause.
fn words(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_an_address_with_or_without_tls() {
        let node: Node = "http://127.0.0.1:9901/".parse().unwrap();
        assert_eq!(node.to_string(), "http://127.0.0.1:9901");
        assert_eq!("http://[::1]:9901".parse::<Node>().unwrap().to_string(), "http://[::1]:9901");
        for text in ["", "127.0.0.1:9901", "http://a/canary", "http://a?x", "http://u:p@a", "ftp://a"] {
            assert!(text.parse::<Node>().unwrap_err().contains("such as http://127.0.0.1:9901"), "{text}");
        }
        assert_eq!("https://a".parse::<Node>().unwrap().to_string(), "https://a");
    }

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        let reached = |text: &str| own(text.parse().unwrap(), false).map(|node| node.to_string());
        assert_eq!(reached("0.0.0.0:9901").as_deref(), Some("http://127.0.0.1:9901"));
        assert_eq!(reached("[::]:9901").as_deref(), Some("http://[::1]:9901"));
        assert_eq!(reached("10.0.0.7:9901").as_deref(), Some("http://10.0.0.7:9901"));
        assert_eq!(reached("127.0.0.1:0"), None);
        let secure = own("0.0.0.0:9901".parse().unwrap(), true).unwrap();
        assert_eq!(secure.to_string(), "https://127.0.0.1:9901");
    }
}
