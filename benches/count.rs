//! One case of a decision, so many times, for a tool that counts instructions (benches/count.sh); without a case, their names.

use http::{HeaderMap, HeaderValue};
use std::{hint::black_box, process::ExitCode};
use verge_benches::{Asks, Head, must, split_table, table};
use verge_router::{Hop, Moment, route};

const NOW: Moment<'_> = Moment::at(1_800_000_000);

/// A case: its name, and what runs it so many times.
type Case = (&'static str, fn(usize));

const CASES: &[Case] = &[
    ("accept of three ranges, 2 mappings", |times| decide(Asks::Accept, 2, times)),
    ("accept of three ranges, 10000 mappings", |times| decide(Asks::Accept, 10_000, times)),
    ("header, 2 mappings", |times| decide(Asks::Header, 2, times)),
    ("header, 10000 mappings", |times| decide(Asks::Header, 10_000, times)),
    ("missing, 2 mappings", |times| decide(Asks::Missing, 2, times)),
    ("unknown, 2 mappings", |times| decide(Asks::Unknown, 2, times)),
    ("pick of two arms", draw),
    ("header and user, one origin", |times| pick(0, times)),
    ("header and user, two arms", |times| pick(1, times)),
    ("edit request", edit_request),
    ("edit response", edit_response),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (name, times) = (arguments.next(), arguments.next().and_then(|times| times.parse().ok()));
    let Some(name) = name else {
        CASES.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    match (CASES.iter().find(|(case, _)| *case == name), times) {
        (Some((_, run)), Some(times)) => run(times),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn decide(asks: Asks, mappings: usize, times: usize) {
    let table = table(mappings);
    let head = Head::new(asks, mappings / 2);
    for _ in 0..times {
        let _ = black_box(route(black_box(&head.request()), &table, &NOW, &mut ()));
    }
}

fn pick(mapping: usize, times: usize) {
    let table = split_table();
    let heads: Vec<Head> = (0..64).map(|user| Head::new(Asks::Header, mapping).of_user(user)).collect();
    for head in heads.iter().cycle().take(times) {
        let _ = black_box(route(black_box(&head.request()), &table, &NOW, &mut ()));
    }
}

/// The draw alone.
fn draw(times: usize) {
    let table = split_table();
    let forward = must(route(&Head::new(Asks::Header, 1).of_user(0).request(), &table, &NOW, &mut ()));
    let row = forward.choice().map(|choice| choice.row().clone());
    let subjects: Vec<String> = (0..64).map(|user| format!("user-{user:08}")).collect();
    for subject in subjects.iter().cycle().take(times) {
        black_box(row.as_ref().and_then(|row| row.drawn_by(black_box(subject.as_bytes()), NOW.now)));
    }
}

/// What goes to the origin; the copy of the head that it is done to is counted, too.
fn edit_request(times: usize) {
    let (table, head) = (table(2), Head::new(Asks::Header, 1));
    let request = head.request();
    let forward = must(route(&request, &table, &NOW, &mut ()));
    let id = HeaderValue::from_static("0af7651916cd43dd8448eb211c80319c");
    let hop = Hop { client: Some([192, 0, 2, 1].into()), tls: true, request_id: &id, traceparent: None };
    for _ in 0..times {
        let mut fields = request.headers.clone();
        forward.edit_request(&request, &hop, &mut fields);
        black_box(fields);
    }
}

/// What goes back to the client, likewise.
fn edit_response(times: usize) {
    let (table, head) = (table(2), Head::new(Asks::Header, 1));
    let request = head.request();
    let forward = must(route(&request, &table, &NOW, &mut ()));
    let mut answer = HeaderMap::new();
    answer.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.insert(http::header::VARY, HeaderValue::from_static("Accept-Encoding"));
    for _ in 0..times {
        let mut fields = answer.clone();
        forward.edit_response(&request, true, &mut fields);
        black_box(fields);
    }
}
