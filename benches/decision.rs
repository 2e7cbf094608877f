//! What a decision costs: each step alone, and the whole at 2, 1 000 and 100 000 mappings.

#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};
use verge_benches::{Asks, Head, must, split_table, table};
use verge_router::{
    Hop, Moment,
    api::Vendor,
    resolve::label::Label,
    route,
    version::{accept, header},
};

/// The allocator that the proxy uses, so that one allocation costs what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: Moment<'_> = Moment::at(1_800_000_000);

/// So many different heads, drawn at random, stand for a working set: heads and rows no longer fit the nearest cache.
const HEADS: usize = 4_096;

/// So many heads fit the nearest cache: those that have just been read.
const JUST_READ: usize = 16;

criterion_main!(benches);
criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = steps, split, whole
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    let (by_accept, by_header) = (Head::new(Asks::Accept, 1), Head::new(Asks::Header, 1));
    let vendors = [must(Vendor::parse("example"))];
    let apiver = HeaderName::from_static("apiver");

    group.bench_function("read accept", |bencher| {
        let request = by_accept.request();
        bencher.iter(|| {
            for range in accept::ranges(black_box(request.headers)) {
                black_box(range.named(&vendors));
            }
        });
    });
    group.bench_function("read header", |bencher| {
        let request = by_header.request();
        bencher.iter(|| black_box(header::values(black_box(request.headers), &apiver).into_iter().flatten().last()));
    });
    group.bench_function("label", |bencher| bencher.iter(|| black_box(Label::parse(black_box(b"v1")))));
    for mappings in [2, 100_000] {
        let table = table(mappings);
        group.bench_function(format!("find api of {}", table.apis().len()), |bencher| {
            let request = by_header.request();
            bencher.iter(|| black_box(table.find_api(black_box(request.host), request.path)));
        });
    }

    let small = table(2);
    let request = by_header.request();
    let forward = must(route(&request, &small, &NOW, &mut ()));
    let id = HeaderValue::from_static("0af7651916cd43dd8448eb211c80319c");
    let hop = Hop { client: Some([192, 0, 2, 1].into()), tls: true, request_id: &id, traceparent: None };
    group.bench_function("edit request", |bencher| {
        let fresh = || request.headers.clone();
        bencher.iter_batched_ref(
            fresh,
            |fields| forward.edit_request(&request, &hop, fields),
            criterion::BatchSize::SmallInput,
        );
    });
    let mut answer = HeaderMap::new();
    answer.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.insert(http::header::VARY, HeaderValue::from_static("Accept-Encoding"));
    group.bench_function("edit response", |bencher| {
        let fresh = || answer.clone();
        bencher.iter_batched_ref(
            fresh,
            |fields| forward.edit_response(&request, true, fields),
            criterion::BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// Of two arms one is picked: the draw alone, and all that a row that is split costs over one that is not.
fn split(criterion: &mut Criterion) {
    let table = split_table();
    let forward = must(route(&Head::new(Asks::Header, 1).of_user(0).request(), &table, &NOW, &mut ()));
    let row = forward.choice().map(|choice| choice.row().clone());
    criterion.bench_function("step/pick of two arms", |bencher| {
        let subjects: Vec<String> = (0..HEADS).map(|user| format!("user-{user:08}")).collect();
        let mut next = subjects.iter().cycle();
        bencher.iter(|| {
            let subject = next.next().map_or(&b""[..], |subject| subject.as_bytes());
            black_box(row.as_ref().and_then(|row| row.drawn_by(black_box(subject), NOW.now)))
        });
    });
    let mut group = criterion.benchmark_group("route, many users");
    for (name, mapping) in [("one origin", 0), ("two arms", 1)] {
        let heads: Vec<Head> = (0..HEADS).map(|user| Head::new(Asks::Header, mapping).of_user(user)).collect();
        group.bench_function(name, |bencher| {
            let mut turns = heads.chunks(JUST_READ).cycle();
            bencher.iter_custom(|iterations| {
                let (mut spent, mut left) = (Duration::ZERO, usize::try_from(iterations).unwrap_or(usize::MAX));
                for turn in turns.by_ref() {
                    let turn = turn.get(..left).unwrap_or(turn);
                    turn.iter().for_each(read);
                    let start = Instant::now();
                    for head in turn {
                        let _ = black_box(route(black_box(&head.request()), &table, &NOW, &mut ()));
                    }
                    spent += start.elapsed();
                    left -= turn.len();
                    if left == 0 {
                        break;
                    }
                }
                spent
            });
        });
    }
    group.finish();
}

/// Goes through a head once, as the proxy has when it asks the router: it has just read the head from its socket.
fn read(head: &Head) {
    for (name, value) in head.request().headers {
        black_box(head.request().headers.get(name));
        black_box(value.as_bytes().iter().map(|&b| u64::from(b)).sum::<u64>());
    }
}

fn whole(criterion: &mut Criterion) {
    for mappings in [2, 1_000, 100_000] {
        let table = table(mappings);
        let mut group = criterion.benchmark_group(format!("route, {mappings} mappings"));
        for asks in Asks::ALL {
            group.bench_function(format!("{}, one head", asks.name()), |bencher| {
                let head = Head::new(asks, mappings / 2);
                let request = head.request();
                bencher.iter(|| black_box(route(black_box(&request), &table, &NOW, &mut ())));
            });
        }
        for asks in Asks::ALL {
            group.bench_function(format!("{}, {HEADS} heads", asks.name()), |bencher| {
                let mut random = fastrand::Rng::with_seed(1);
                let heads: Vec<Head> = (0..HEADS).map(|_| Head::new(asks, random.usize(..mappings))).collect();
                let mut next = heads.iter().cycle();
                bencher.iter(|| black_box(next.next().map(|head| route(&head.request(), &table, &NOW, &mut ()))));
            });
        }
        group.finish();
    }
}
