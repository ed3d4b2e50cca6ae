//! The leanest HTTP/1.1 client that does for a benchmark: one request at a time on a TLS connection
//! that is kept, answers with `Content-Length` only.

use std::{fs::File, io::BufReader, net::SocketAddr, path::Path, sync::Arc};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ConfigBuilder, RootCertStore,
        client::WantsClientCert,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use crate::Result;

/// The name that every certificate here is for.
pub(crate) const HOST: &str = "localhost";

const MAX_ANSWER: usize = 64 * 1024;

/// How to reach one server.
#[derive(Clone)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    connector: TlsConnector,
}

impl Endpoint {
    /// The server on `port` of this machine, whose certificate `authority` (a PEM file) vouches for.
    pub(crate) fn new(port: u16, authority: &Path) -> Result<Self> {
        let config = trusting(authority)?.with_no_client_auth();
        Ok(Self::with_config(port, config))
    }

    /// The same, by a client that shows a certificate of its own, self-signed and made just now.
    pub(crate) fn with_certificate(port: u16, authority: &Path) -> Result<Self> {
        let own = rcgen::generate_simple_self_signed(vec!["bench".to_owned()])?;
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der())?;
        let chain = vec![own.cert.der().clone()];
        let config = trusting(authority)?.with_client_auth_cert(chain, key)?;
        Ok(Self::with_config(port, config))
    }

    fn with_config(port: u16, mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            connector: TlsConnector::from(Arc::new(config)),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of `path`, as the server tells it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.port())
    }

    /// A fresh connection.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let stream = self.connector.connect(ServerName::try_from(HOST)?, tcp).await?;
        Ok(Connection { stream, buffer: vec![0; MAX_ANSWER], filled: 0 })
    }

    /// One request on a connection of its own; the answer whatever its status.
    pub(crate) async fn once(&self, request: &[u8]) -> Result<OwnedAnswer> {
        let mut connection = self.connect().await?;
        let answer = connection.exchange(request).await?;
        Ok(OwnedAnswer {
            status: answer.status,
            headers: headers(answer.head)?,
            body: String::from_utf8(answer.body.to_vec())?,
        })
    }
}

fn trusting(authority: &Path) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_reader_iter(BufReader::new(File::open(authority)?)) {
        roots.add(certificate?)?;
    }
    Ok(ClientConfig::builder().with_root_certificates(roots))
}

/// One TLS connection.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Sends a whole request and waits for the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.filled = 0;
        let head = loop {
            self.read_more().await?;
            if let Some(head) = parse_head(&self.buffer[..self.filled])? {
                break head;
            }
        };
        let end = head.length + head.content_length;
        while self.filled < end {
            self.read_more().await?;
        }
        let (head_bytes, body) = self.buffer[..end].split_at(head.length);
        Ok(Answer { status: head.status, head: head_bytes, body })
    }

    async fn read_more(&mut self) -> Result<()> {
        match self.stream.read(&mut self.buffer[self.filled..]).await? {
            0 => Err("the connection was closed, or an answer is too long".into()),
            count => {
                self.filled += count;
                Ok(())
            }
        }
    }
}

/// An answer, in the connection's buffer.
pub(crate) struct Answer<'a> {
    /// Its status.
    pub(crate) status: u16,
    /// Status line and headers, as they came.
    pub(crate) head: &'a [u8],
    /// Its body.
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// Fails unless the status is 200 and the body contains `marker`.
    pub(crate) fn check(&self, marker: &str) -> Result<()> {
        if self.status == 200 && memmem::find(self.body, marker.as_bytes()).is_some() {
            return Ok(());
        }
        let body = String::from_utf8_lossy(self.body);
        Err(format!("wanted 200 and {marker}, got {} and {body}", self.status).into())
    }

    /// The header `name`.
    pub(crate) fn header(&self, name: &str) -> Result<&str> {
        let value = lines(self.head).find_map(|line| {
            let (found, value) = line.split_at_checked(name.len())?;
            let named = found.eq_ignore_ascii_case(name.as_bytes());
            value.strip_prefix(b":").filter(|_| named)
        });
        let value = value.ok_or_else(|| format!("no header {name}"))?;
        Ok(std::str::from_utf8(value)?.trim())
    }

    /// The string member `name` of a JSON body that holds no escapes in it, as tokens never do.
    pub(crate) fn member(&self, name: &str) -> Result<String> {
        let body = std::str::from_utf8(self.body)?;
        let key = format!("\"{name}\":\"");
        let start = body.find(&key).ok_or_else(|| format!("no {name} in {body}"))? + key.len();
        let length = body[start..].find('"').ok_or("a string without an end")?;
        Ok(body[start..start + length].to_owned())
    }
}

/// An answer that outlives its connection.
pub(crate) struct OwnedAnswer {
    /// Its status.
    pub(crate) status: u16,
    /// Its headers, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// Its body.
    pub(crate) body: String,
}

impl OwnedAnswer {
    /// The first header of this name, which is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The cookies that it sets, as a browser would send them back.
    pub(crate) fn cookies(&self) -> String {
        let set = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let pairs: Vec<_> = set.filter_map(|(_, value)| value.split(';').next()).collect();
        pairs.join("; ")
    }
}

#[derive(PartialEq, Debug)]
struct Head {
    status: u16,
    length: usize,
    content_length: usize,
}

/// Reads status and lengths, once the head is complete.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let status = bytes.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = std::str::from_utf8(status.ok_or("not an HTTP/1.1 answer")?)?.parse()?;
    let mut content_length = None;
    for line in lines(&bytes[..end]) {
        if line.len() > 15 && line[..15].eq_ignore_ascii_case(b"content-length:") {
            content_length = Some(std::str::from_utf8(&line[15..])?.trim().parse()?);
        }
    }
    let content_length = content_length.ok_or("an answer without Content-Length")?;
    Ok(Some(Head { status, length: end + 4, content_length }))
}

/// The header lines of a head, without the status line.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = memmem::find_iter(head, b"\r\n").map(|at| at + 2);
    starts.map(|start| {
        let rest = &head[start..];
        &rest[..memmem::find(rest, b"\r\n").unwrap_or(rest.len())]
    })
}

fn headers(head: &[u8]) -> Result<Vec<(String, String)>> {
    let text = std::str::from_utf8(head)?;
    let lines = text.lines().skip(1).take_while(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
            Ok((name.to_owned(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] =
        b"HTTP/1.1 200 OK\r\ncache-control: no-store\r\nContent-LENGTH:  12\r\ndate: x\r\n\r\n{\"a\":1}";

    #[test]
    fn a_head_tells_its_status_and_both_lengths() {
        let head = parse_head(WHOLE).unwrap().unwrap();
        assert_eq!(head, Head { status: 200, length: WHOLE.len() - 7, content_length: 12 });
    }

    #[test]
    fn a_head_that_is_not_there_yet_is_waited_for() {
        let end = WHOLE.len() - 7;
        for length in 0..end {
            assert_eq!(parse_head(&WHOLE[..length]).unwrap(), None, "{length}");
        }
    }

    #[test]
    fn answers_of_other_forms_are_errors() {
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(parse_head(chunked).is_err());
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
        assert!(parse_head(b"HTTP/2 200\r\ncontent-length: 0\r\n\r\n").is_err());
    }

    #[test]
    fn headers_keep_their_order() {
        let headers = headers(&WHOLE[..WHOLE.len() - 7]).unwrap();
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["cache-control", "Content-LENGTH", "date"]);
        assert_eq!(headers[1].1, "12");
    }

    #[test]
    fn a_header_is_found_by_its_whole_name() {
        let head = &WHOLE[..WHOLE.len() - 7];
        let answer = Answer { status: 200, head, body: &[] };
        assert_eq!(answer.header("content-length").unwrap(), "12");
        assert!(answer.header("content").is_err());
    }

    #[test]
    fn an_answer_is_checked_and_read() {
        let body = br#"{"access_token":"abc","active":true}"#;
        let answer = |status| Answer { status, head: &[], body };
        assert!(answer(200).check("\"active\":true").is_ok());
        assert!(answer(200).check("\"active\":false").is_err());
        assert!(answer(401).check("\"active\":true").is_err());
        assert_eq!(answer(200).member("access_token").unwrap(), "abc");
        assert!(answer(200).member("refresh_token").is_err());
    }
}
