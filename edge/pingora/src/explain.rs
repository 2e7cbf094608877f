//! A decision explained: all of it, step by step, by the code that serves; nothing is sent. `verge explain` asks it of a
//! table it has read, and a running node of the table and the breakers it serves by.

mod question;
mod recorded;
mod steps;

use crate::{cli::Failure, clock::unix_now, overrides::Overrides, proof::Locks, reply::Reply};
use http::{HeaderMap, HeaderValue};
pub(crate) use question::{Question, Said, SaidPin};
use recorded::{Recorded, text_of};
use serde::{Deserialize, Serialize};
use steps::Steps;
use verge_config::{
    Config,
    origins::{Proofs, in_list},
};
use verge_mappings::Held;
use verge_router::{
    Edits, Forward, Hop, Moment, Pins, Rejection, Request, lifecycle::rfc3339, origin::Scheme, route, split::Health,
};

/// What a configuration has to do with decisions, besides its APIs.
pub(crate) struct Rules {
    overrides: Overrides,
    proofs: Proofs,
}

impl Rules {
    /// As a node has them.
    ///
    /// # Errors
    /// The key cannot be read.
    pub(crate) fn open(config: &Config) -> Result<Self, Failure> {
        Ok(Self::with_overrides(Overrides::open(&config.canary)?, config))
    }

    /// The same where the node's key may not be at hand.
    pub(crate) fn with_overrides(overrides: Overrides, config: &Config) -> Self {
        Self { overrides, proofs: config.origins.proofs.clone() }
    }

    /// Who may ask for an arm.
    pub(crate) fn overrides(&self) -> &Overrides {
        &self.overrides
    }
}

/// What a request would meet.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'s> {
    pub(crate) held: &'s Held,
    pub(crate) rules: &'s Rules,
    pub(crate) health: &'s dyn Health,
    pub(crate) pins: &'s dyn Pins,
}

/// The decision as data: what `--json` prints.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) outcome: String,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) api: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) requested: Option<String>,
    pub(crate) supported: Vec<String>,
    pub(crate) arm: Option<String>,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) request_headers: RequestHeaders,
    pub(crate) response_headers: Vec<(String, String)>,
    pub(crate) table: Table,
    pub(crate) steps: Vec<String>,
    /// The node that was asked, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Upstream {
    scheme: String,
    host: String,
    port: u16,
    sni: Option<String>,
    path: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct RequestHeaders {
    pub(crate) set: Vec<(String, String)>,
    pub(crate) remove: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) generation: Option<u64>,
    pub(crate) rows: usize,
    /// Seconds since it was read.
    pub(crate) age: u64,
}

impl Scene<'_> {
    /// The whole decision.
    pub(crate) fn explain(&self, question: &Question) -> Explanation {
        let Self { held, rules, health, pins } = *self;
        let (request, hop) = (question.request(), question.hop());
        let now = question.now.unwrap_or_else(unix_now);
        let moment = Moment { pins, ..rules.overrides.moment(hop.client, hop.request_id.as_bytes(), health, now) };
        let begin =
            format!("{} {} under host `{}`, at {}", request.method, request.path, request.host, rfc3339(moment.now));
        let mut witness = Steps { now: moment.now, health, trips: &held.trips, steps: vec![begin] };
        let decision = route(&request, &held.table, &moment, &mut witness);
        let Steps { steps, .. } = witness;
        let mut explanation = Explanation {
            table: Table { generation: held.generation, rows: held.table.rows(), age: held.age().as_secs() },
            steps,
            ..Explanation::default()
        };
        match decision {
            Ok(forward) => explanation.forward(&forward, &request, &hop, &rules.proofs),
            Err(rejection) => explanation.reject(&rejection, hop.request_id),
        }
        explanation
    }
}

impl Explanation {
    fn forward(&mut self, forward: &Forward, request: &Request<'_>, hop: &Hop<'_>, proofs: &Proofs) {
        let origin = forward.origin();
        let host = origin.domain().to_string();
        self.outcome = "forward".to_owned();
        self.api = Some(forward.api().name().to_owned());
        self.version = Some(forward.mapping().key().to_owned());
        self.source = Some(forward.source().as_str().to_owned());
        self.arm = forward.choice().and_then(|choice| choice.arm()).map(|arm| arm.name().to_owned());
        let segment = forward.segment(request);
        if !segment.is_empty() {
            self.steps.push(format!("`{segment}` is cut out of the path"));
        }
        self.steps.push(format!(
            "forward to {}://{host}:{}{}",
            origin.scheme().as_str(),
            origin.port(),
            forward.target()
        ));
        if let Some(dial) = origin.connect() {
            self.steps.push(format!("the row dials {dial} instead; Host and SNI stay {host}"));
        }
        self.upstream = Some(Upstream {
            scheme: origin.scheme().as_str().to_owned(),
            port: origin.port(),
            sni: (origin.scheme() == Scheme::Https).then(|| host.clone()),
            host,
            path: forward.target().to_owned(),
        });
        let mut recorded = Recorded::over(request.headers);
        forward.edit_request(request, hop, &mut recorded);
        // That a secret is sent is told, not which.
        Locks::redacted(&proofs.locks).apply(origin.domain(), &mut recorded);
        if proofs.signs.iter().any(|sign| in_list(&sign.domains, origin.domain())) {
            recorded.set(http::header::AUTHORIZATION, HeaderValue::from_static("(signature)"));
            self.steps.push("the request is signed for AWS IAM".to_owned());
        }
        if proofs.identities.iter().any(|identity| in_list(&identity.domains, origin.domain())) {
            self.steps.push("the origin is shown a client certificate, if it asks".to_owned());
        }
        self.request_headers = RequestHeaders { set: recorded.set, remove: recorded.remove };
        let mut recorded = Recorded::over(&HeaderMap::new());
        forward.edit_response(request, hop.tls, &mut recorded);
        self.response_headers = recorded.set;
    }

    fn reject(&mut self, rejection: &Rejection, request_id: &HeaderValue) {
        self.outcome = "reject".to_owned();
        self.status = Some(rejection.status().as_u16());
        self.code = Some(rejection.reason.code().to_owned());
        self.api = rejection.api.as_ref().map(|api| api.name().to_owned());
        self.version = rejection.version.as_deref().map(str::to_owned);
        self.requested = rejection.requested.as_deref().map(str::to_owned);
        self.supported = rejection.supported.iter().map(|version| version.to_string()).collect();
        self.steps.push(format!("reject: {} ({})", rejection.reason.title(), rejection.status().as_u16()));
        let reply = Reply::to_rejection(rejection, request_id);
        self.response_headers = reply.fields.iter().map(|(name, value)| text_of(name, value)).collect();
    }
}
