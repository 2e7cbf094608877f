//! The decision about a request, and what Envoy is to do for it.

use crate::{
    asked::Asked,
    edge::Edge,
    edits::{Edit, changes, record},
};
use http::{HeaderMap, HeaderValue, header};
use verge_carry::{Loaded, Reply, head, identity::traceparent};
use verge_router::{Forward, Hop, Moment, Reason, Request, origin::Scheme, route};

/// What is to be done with a request.
#[derive(Debug)]
pub enum Decision {
    /// It goes to an origin.
    Send(Box<Sent>),
    /// It is answered here.
    Reply(Reply),
}

/// A request on its way to an origin, and what its answer is edited by.
#[derive(Debug)]
pub struct Sent {
    asked: Asked,
    forward: Forward,
    /// Envoy's cluster that dials the origin.
    cluster: HeaderValue,
}

/// What Envoy is to do with a request's head.
#[derive(Debug, PartialEq, Eq)]
pub struct Orders {
    /// `:authority`, by which the dynamic forward proxy dials, and which is the name in the TLS handshake.
    pub authority: String,
    /// `:path`.
    pub path: String,
    /// Of the fields; the one that names the cluster among them.
    pub edits: Vec<Edit>,
}

/// Decides. `None` for `asked`: Envoy's head was none.
#[must_use]
pub fn decide(edge: &Edge, asked: Option<Asked>) -> Decision {
    let Some(asked) = asked else { return refuse(&HeaderValue::from_static("0")) };
    if !head::is_sound(&asked.request()) {
        return refuse(&asked.id);
    }
    let Some(held) = edge.loaded() else { return Decision::Reply(Reply::to_no_table(&asked.id)) };
    let decision = route(&asked.request(), &held.table, &moment(edge, held, &asked), &mut ());
    match decision {
        Ok(forward) => {
            let cluster = edge.clusters.of(&forward).cloned();
            match cluster {
                Some(cluster) => Decision::Send(Box::new(Sent { asked, forward, cluster })),
                None => Decision::Reply(fail(
                    &asked,
                    &forward,
                    Reason::OriginUnreachable,
                    "This version's row says where to connect, and no cluster of Envoy's is named for it.",
                )),
            }
        }
        Err(rejection) => Decision::Reply(Reply::to_rejection(&rejection, &asked.id)),
    }
}

fn refuse(id: &HeaderValue) -> Decision {
    Decision::Reply(Reply::to_reason(Reason::BadRequest, Reason::BadRequest.title(), id))
}

fn moment<'m>(edge: &Edge, held: &'m Loaded, asked: &'m Asked) -> Moment<'m> {
    let (overridable, is_tester) = edge.testers(asked.client);
    Moment {
        client: asked.client,
        request_id: asked.id.as_bytes(),
        health: &held.trips,
        overridable,
        is_tester,
        ..Moment::at(asked.now)
    }
}

impl crate::setup::Clusters {
    /// The cluster that dials this; `None`: the row is to be dialled elsewhere than its name says, and none is named for it.
    fn of(&self, forward: &Forward) -> Option<&HeaderValue> {
        let origin = forward.origin();
        let named = self.named_for(origin.domain().as_str());
        let all = || match (&self.insecure, origin.scheme()) {
            (Some(insecure), Scheme::Http) => insecure,
            _ => &self.all,
        };
        named.or_else(|| origin.connect().is_none().then(all))
    }
}

impl Sent {
    /// The head as the client sent it.
    fn request(&self) -> Request<'_> {
        self.asked.request()
    }

    /// What the head is to be for the origin.
    #[must_use]
    pub fn orders(&self, edge: &Edge) -> Orders {
        let asked = &self.asked;
        let trace = traceparent(&asked.headers, asked.id.as_bytes(), asked.span);
        let hop = Hop { client: asked.client, tls: asked.tls, request_id: &asked.id, traceparent: trace.as_ref() };
        let mut edits = record(asked.headers.clone());
        self.forward.edit_request(&self.request(), &hop, &mut edits);
        let mut edits = changes(&edits);
        // Envoy calls Host `:authority`.
        edits.retain(|edit| !matches!(edit, Edit::Set(name, _) if *name == header::HOST));
        // Whatever the client sent under that name goes, all lines of it: the route would pick by the first one.
        let field = &edge.clusters.field;
        if asked.headers.contains_key(field) {
            edits.push(Edit::Remove(field.clone()));
        }
        edits.push(Edit::Set(field.clone(), self.cluster.clone()));
        let origin = self.forward.origin();
        let standard = match origin.scheme() {
            Scheme::Https => 443,
            Scheme::Http => 80,
        };
        let mut authority = origin.host().to_str().unwrap_or_default().to_owned();
        // The dynamic forward proxy knows no other way to learn the port.
        if origin.port() != standard && edge.clusters.named_for(origin.domain().as_str()).is_none() {
            authority.push_str(&format!(":{}", origin.port()));
        }
        Orders { authority, path: self.forward.target().to_owned(), edits }
    }

    /// What the origin's answer is to be for the client.
    #[must_use]
    pub fn edit_answer(&self, fields: HeaderMap) -> Vec<Edit> {
        let mut edits = record(fields);
        self.forward.edit_response(&self.request(), self.asked.tls, &mut edits);
        changes(&edits)
    }

    /// The answer where the origin gave none.
    #[must_use]
    pub fn fail(&self, reason: Reason, detail: &str) -> Reply {
        fail(&self.asked, &self.forward, reason, detail)
    }
}

fn fail(asked: &Asked, forward: &Forward, reason: Reason, detail: &str) -> Reply {
    let status = forward.api().status(reason).unwrap_or(reason.default_status());
    let fields = forward.fault_fields(reason, &asked.request());
    Reply::to_fault(reason, status, detail, &asked.id, fields)
}

#[cfg(test)]
mod tests;
