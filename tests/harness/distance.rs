//! A way that is long and bad: every byte takes its time, and now and then some of it takes as long as a segment that is
//! lost and sent again.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// From one end to the other.
const DELAY: Duration = Duration::from_millis(100);
/// One piece in twenty is late by the least time after which TCP sends again (RFC 6298 has 1 s; Linux, 200 ms).
const LOST: usize = 20;
const AGAIN: Duration = Duration::from_millis(200);

/// A way to an address. It ends with the runtime it was made in.
pub struct Distance(SocketAddr);

impl Distance {
    /// A way there.
    pub async fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self(listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(address).await else { continue };
                let ((near_reads, near_writes), (far_reads, far_writes)) = (near.into_split(), far.into_split());
                tokio::spawn(carry(near_reads, far_writes));
                tokio::spawn(carry(far_reads, near_writes));
            }
        });
        way
    }

    /// Its near end.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (sender, mut pieces) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((arrives, piece)) = pieces.recv().await {
            sleep_until(arrives).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    });
    let mut count = 0;
    let mut piece = vec![0; 1400];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        count += 1;
        let late = if count % LOST == 0 { AGAIN } else { Duration::ZERO };
        if sender.send((Instant::now() + DELAY + late, piece[..length].to_vec())).is_err() {
            return;
        }
    }
}
