//! A name server that says what a test wants (RFC 1035, over UDP): the same addresses for every name.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{net::UdpSocket, time::sleep};

/// The server. It ends with the runtime it was started in.
pub struct NameServer {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
    takes: Arc<Mutex<Duration>>,
    asked: Arc<AtomicUsize>,
}

/// What it says.
#[derive(Clone)]
enum Says {
    Addresses(Vec<Ipv4Addr>, u32),
    /// There is no such name (RFC 1035 §4.1.1).
    NoSuchName,
    Nothing,
}

const TYPE_A: [u8; 2] = [0, 1];

impl NameServer {
    /// Says that every name has these addresses, for so many seconds.
    pub async fn start(addresses: &[Ipv4Addr], ttl: u32) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let says = Arc::new(Mutex::new(Says::Addresses(addresses.to_vec(), ttl)));
        let takes = Arc::<Mutex<Duration>>::default();
        let address = socket.local_addr().unwrap();
        let server = Self { address, says: says.clone(), takes: takes.clone(), asked: Arc::default() };
        let asked = server.asked.clone();
        tokio::spawn(async move {
            let mut query = [0; 1024];
            while let Ok((length, peer)) = socket.recv_from(&mut query).await {
                asked.fetch_add(1, Ordering::AcqRel);
                let says = says.lock().unwrap().clone();
                if let Some(answer) = answer(&query[..length], &says) {
                    let (socket, pause) = (socket.clone(), *takes.lock().unwrap());
                    tokio::spawn(async move {
                        sleep(pause).await;
                        let _ = socket.send_to(&answer, peer).await;
                    });
                }
            }
        });
        server
    }

    /// From now on every name has these addresses.
    pub fn now_says(&self, addresses: &[Ipv4Addr], ttl: u32) {
        *self.says.lock().unwrap() = Says::Addresses(addresses.to_vec(), ttl);
    }

    /// From now on it takes its time.
    pub fn now_takes(&self, time: Duration) {
        *self.takes.lock().unwrap() = time;
    }

    /// From now on no name exists.
    pub fn now_denies(&self) {
        *self.says.lock().unwrap() = Says::NoSuchName;
    }

    /// From now on it does not answer.
    pub fn now_is_silent(&self) {
        *self.says.lock().unwrap() = Says::Nothing;
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many questions it has got.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }
}

fn answer(query: &[u8], says: &Says) -> Option<Vec<u8>> {
    let name = query.get(12..)?.iter().position(|length| *length == 0)?;
    let question = query.get(12..12 + name + 5)?;
    let (addresses, ttl, code) = match says {
        Says::Addresses(addresses, ttl) if question[name + 1..name + 3] == TYPE_A => (addresses.as_slice(), *ttl, 0),
        Says::Addresses(..) => (&[][..], 0, 0),
        Says::NoSuchName => (&[][..], 0, 3),
        Says::Nothing => return None,
    };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(addresses.len()).unwrap(), 0, 0, 0, 0]);
    answer.extend(question);
    for address in addresses {
        // The name is the one at byte 12.
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(ttl.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}
