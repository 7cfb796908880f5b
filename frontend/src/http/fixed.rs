//! Answers that never change: compressed once, and not anew for everybody who asks.

use actix_web::body::SizedStream;
use actix_web::http::header::{self, AcceptEncoding, ContentEncoding, Encoding, Header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{Stream, stream};
use std::convert::Infallible;
use std::io::Write;

/// How much of an answer is copied into a connection's buffer at once, in bytes.
const PIECE: usize = 16 << 10;

/// An answer, plain and compressed.
pub(crate) struct Fixed {
    plain: Bytes,
    packed: Option<Bytes>,
}

impl Fixed {
    /// Compresses `plain`, where that makes it shorter.
    pub(crate) fn new(plain: impl Into<Bytes>) -> Fixed {
        let plain = plain.into();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder.write_all(&plain).and_then(|()| encoder.finish()).ok();
        let packed = packed.filter(|packed| packed.len() < plain.len()).map(Bytes::from);
        Fixed { plain, packed }
    }

    /// Answers `request` in the form that its client accepts.
    pub(crate) fn answer(
        &self,
        request: &HttpRequest,
        mut response: HttpResponseBuilder,
    ) -> HttpResponse {
        let offered = [Encoding::gzip(), Encoding::identity()];
        let accepted = AcceptEncoding::parse(request).ok();
        let accepted = accepted.and_then(|accepted| accepted.negotiate(offered.iter()));
        match &self.packed {
            Some(packed) if accepted == Some(Encoding::gzip()) => response
                .insert_header(ContentEncoding::Gzip)
                .insert_header((header::VARY, "accept-encoding"))
                .body(in_pieces(packed.clone())),
            // What is left is too short to be worth more.
            _ => response
                .insert_header(ContentEncoding::Identity)
                .insert_header((header::VARY, "accept-encoding"))
                .body(in_pieces(self.plain.clone())),
        }
    }
}

/// `bytes` as a body that is handed on piece by piece: a client that reads nothing makes the server
/// copy one piece into its connection's buffer, not all of it.
fn in_pieces(bytes: Bytes) -> SizedStream<impl Stream<Item = Result<Bytes, Infallible>>> {
    let length = bytes.len();
    let pieces = (0..length).step_by(PIECE).map(move |at| {
        let end = length.min(at + PIECE);
        Ok(bytes.slice(at..end))
    });
    SizedStream::new(length as u64, stream::iter(pieces))
}
