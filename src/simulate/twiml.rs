//! A reader of the TwiML that gateways answer with: as much of it as a carrier needs to follow the call.
//!
//! Twilio tolerates some of what is an error here (an unknown verb is a warning, a query is removed in silence). A simulator
//! that did so would hide mistakes of the gateway.

use std::time::Duration;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Largest document that Twilio fetches (error 11750).
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// Characters of a parameter's name and value together, by Twilio's documentation of `<Stream>`.
const MAX_PARAMETER_CHARS: usize = 499;
/// Deepest nesting read; TwiML has three levels.
const MAX_DEPTH: usize = 16;

/// One step of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// `<Connect><Stream>`: open a socket; the next verb runs when the gateway closes it.
    Connect(Stream),
    /// `<Redirect>`: ask this URL for another document, which replaces the rest of this one. May be relative.
    Redirect(String),
    /// `<Say>`: read a text to the caller.
    Say(String),
    /// `<Reject>`: decline the call without answering it.
    Reject {
        /// `rejected` or `busy`.
        reason: String,
    },
    /// `<Hangup>`.
    Hangup,
    /// `<Pause>`.
    Pause(Duration),
}

/// A `<Stream>` within `<Connect>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The socket's URL, as written.
    pub url: String,
    /// Its `<Parameter>`s, in order.
    pub parameters: Vec<(String, String)>,
}

/// A document that a carrier would not follow, or not in the way its author means.
#[derive(Debug, thiserror::Error)]
pub enum TwimlError {
    /// Larger than a carrier fetches.
    #[error("the document has {0} bytes, more than {MAX_DOCUMENT_BYTES} (error 11750)")]
    TooLarge(usize),
    /// No well-formed XML.
    #[error("not well-formed XML (error 12100): {0}")]
    Xml(String),
    /// The outermost element.
    #[error("the document is a <{0}>, not a <Response>")]
    NotAResponse(String),
    /// A verb or noun that does not exist at this place, or not in this reader. Names are case-sensitive.
    #[error("<{parent}> has a <{child}>, which is unknown here (warning 12200)")]
    UnknownElement {
        /// Where.
        parent: String,
        /// What.
        child: String,
    },
    /// An attribute is missing.
    #[error("<{element}> has no {attribute}")]
    Missing {
        /// Of which element.
        element: &'static str,
        /// Its name.
        attribute: &'static str,
    },
    /// An attribute or text has a value that a carrier would not take.
    #[error("<{element}>: {reason}")]
    Invalid {
        /// Of which element.
        element: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads a document.
///
/// # Errors
/// When a carrier would not follow it; the error names what is wrong.
pub fn read(document: &str) -> Result<Vec<Verb>, TwimlError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(TwimlError::TooLarge(document.len()));
    }
    let root = Element::parse(document)?;
    if root.name != "Response" {
        return Err(TwimlError::NotAResponse(root.name));
    }
    root.children.iter().map(Verb::read).collect()
}

impl Verb {
    fn read(element: &Element) -> Result<Self, TwimlError> {
        match element.name.as_str() {
            "Connect" => match element.children.as_slice() {
                [noun] if noun.name == "Stream" => Stream::read(noun).map(Self::Connect),
                [noun] => Err(element.unknown(noun)),
                nouns => Err(invalid("Connect", format!("{} nouns; one is expected", nouns.len()))),
            },
            "Redirect" => match (element.text.trim(), element.attribute("method")) {
                ("", _) => Err(invalid("Redirect", "no URL".to_owned())),
                (url, None | Some("POST")) => Ok(Self::Redirect(url.to_owned())),
                (_, Some(method)) => Err(invalid("Redirect", format!("method {method:?}; only POST is simulated"))),
            },
            "Say" => Ok(Self::Say(element.text.trim().to_owned())),
            "Reject" => match element.attribute("reason").unwrap_or("rejected") {
                reason @ ("rejected" | "busy") => Ok(Self::Reject { reason: reason.to_owned() }),
                other => Err(invalid("Reject", format!("reason {other:?}; rejected and busy are known"))),
            },
            "Hangup" => Ok(Self::Hangup),
            "Pause" => {
                let seconds = element.attribute("length").unwrap_or("1");
                let length =
                    seconds.parse().map_err(|_| invalid("Pause", format!("length {seconds:?} is no number")))?;
                Ok(Self::Pause(Duration::from_secs(length)))
            }
            _ => Err(TwimlError::UnknownElement { parent: "Response".to_owned(), child: element.name.clone() }),
        }
    }
}

impl Stream {
    fn read(element: &Element) -> Result<Self, TwimlError> {
        let url = element.require("Stream", "url")?;
        if !url.starts_with("wss://") && !url.starts_with("ws://") {
            return Err(invalid("Stream", "the url is not a wss:// URL (error 31922)".to_owned()));
        }
        if url.contains('?') {
            return Err(invalid("Stream", "the url has a query, which Twilio removes".to_owned()));
        }
        if let Some(track) = element.attribute("track").filter(|track| *track != "inbound_track") {
            return Err(invalid("Stream", format!("track {track:?} within <Connect> (error 31941)")));
        }
        let parameters = element.children.iter().map(|child| {
            if child.name != "Parameter" {
                return Err(element.unknown(child));
            }
            let name = child.require("Parameter", "name")?;
            let value = child.require("Parameter", "value")?;
            if name.chars().count() + value.chars().count() > MAX_PARAMETER_CHARS {
                return Err(invalid(
                    "Parameter",
                    format!("{name:?} has 500 characters or more, name and value together"),
                ));
            }
            Ok((name.to_owned(), value.to_owned()))
        });
        Ok(Self { url: url.to_owned(), parameters: parameters.collect::<Result<_, _>>()? })
    }
}

fn invalid(element: &'static str, reason: String) -> TwimlError {
    TwimlError::Invalid { element, reason }
}

/// An element with everything in it.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Self>,
}

impl Element {
    fn parse(document: &str) -> Result<Self, TwimlError> {
        let mut reader = Reader::from_str(document);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        loop {
            let event = reader.read_event().map_err(xml)?;
            let closed = match event {
                Event::Start(_) | Event::Empty(_) if root.is_some() => {
                    return Err(xml("a second outermost element"));
                }
                Event::Start(_) if open.len() == MAX_DEPTH => return Err(xml("nested too deeply")),
                Event::Start(start) => {
                    open.push(Self::open(&start)?);
                    None
                }
                Event::Empty(start) => Some(Self::open(&start)?),
                Event::End(_) => open.pop(),
                Event::Text(text) => {
                    append(&mut open, &text.xml10_content().map_err(xml)?)?;
                    None
                }
                Event::CData(text) => {
                    append(&mut open, &text.xml10_content().map_err(xml)?)?;
                    None
                }
                Event::GeneralRef(reference) => {
                    append(&mut open, &resolve(&reference)?)?;
                    None
                }
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => None,
                Event::DocType(_) => return Err(xml("a document type")),
                Event::Eof => break,
            };
            match (closed, open.last_mut()) {
                (Some(element), Some(parent)) => parent.children.push(element),
                (Some(element), None) => root = Some(element),
                (None, _) => (),
            }
        }
        match (open.pop(), root) {
            (None, Some(root)) => Ok(root),
            (Some(element), _) => Err(xml(format!("<{}> is not closed", element.name))),
            (None, None) => Err(xml("no element")),
        }
    }

    fn open(start: &BytesStart<'_>) -> Result<Self, TwimlError> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(xml)?;
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            let value = attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0).map_err(xml)?;
            attributes.push((name, value.into_owned()));
        }
        let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
        Ok(Self { name, attributes, text: String::new(), children: Vec::new() })
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn require(&self, element: &'static str, attribute: &'static str) -> Result<&str, TwimlError> {
        self.attribute(attribute).ok_or(TwimlError::Missing { element, attribute })
    }

    fn unknown(&self, child: &Self) -> TwimlError {
        TwimlError::UnknownElement { parent: self.name.clone(), child: child.name.clone() }
    }
}

fn append(open: &mut [Element], text: &str) -> Result<(), TwimlError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => (),
        None => return Err(xml("text outside of the document")),
    }
    Ok(())
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, TwimlError> {
    if let Some(character) = reference.resolve_char_ref().map_err(xml)? {
        return Ok(character.to_string());
    }
    let name = reference.decode().map_err(xml)?;
    resolve_xml_entity(&name).map(ToOwned::to_owned).ok_or_else(|| xml(format!("&{name}; is unknown")))
}

fn xml(error: impl ToString) -> TwimlError {
    TwimlError::Xml(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &str) -> Result<Vec<Verb>, String> {
        let document = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\n{body}</Response>\n");
        read(&document).map_err(|error| error.to_string())
    }

    #[test]
    fn a_stream_with_parameters_and_a_redirect_are_read() {
        let verbs = response(
            "<Connect><Stream url=\"wss://gw.example.com/media\"><Parameter name=\"token\" value=\"a &amp; &quot;b&#x22;\"/>\
             <Parameter name=\"empty\" value=\"\"/></Stream></Connect><Redirect method=\"POST\">/voice?x=1&amp;y=2</Redirect>",
        );
        let parameters = vec![("token".to_owned(), "a & \"b\"".to_owned()), ("empty".to_owned(), String::new())];
        let stream = Stream { url: "wss://gw.example.com/media".to_owned(), parameters };
        assert_eq!(verbs.unwrap(), [Verb::Connect(stream), Verb::Redirect("/voice?x=1&y=2".to_owned())]);
    }

    #[test]
    fn the_other_verbs_are_read() {
        let verbs = response(
            "<!-- why --><Say voice=\"x\">It&apos;s <![CDATA[<late>]]></Say><Pause length=\"2\"/><Pause/><Reject reason=\"busy\"/><Hangup/>",
        );
        let expected = [
            Verb::Say("It's <late>".to_owned()),
            Verb::Pause(Duration::from_secs(2)),
            Verb::Pause(Duration::from_secs(1)),
            Verb::Reject { reason: "busy".to_owned() },
            Verb::Hangup,
        ];
        assert_eq!(verbs.unwrap(), expected);
    }

    #[test]
    fn what_the_gateway_writes_is_understood() {
        let url = "wss://gw.example.com/media-stream";
        let document = redial_carrier::twilio::twiml::connect_stream(
            url,
            &[("token", "v1.<a>'b'")],
            "https://gw.example.com/resume",
        );
        let verbs = read(&document.unwrap()).unwrap();
        let parameters = vec![("token".to_owned(), "v1.<a>'b'".to_owned())];
        let stream = Verb::Connect(Stream { url: url.to_owned(), parameters });
        assert_eq!(verbs, [stream, Verb::Redirect("https://gw.example.com/resume".to_owned())]);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let long = format!(
            "<Connect><Stream url=\"wss://h/m\"><Parameter name=\"token\" value=\"{}\"/></Stream></Connect>",
            "x".repeat(495)
        );
        for (body, part) in [
            ("<say>Hi</say>", "<Response> has a <say>"),
            ("<Connect><Room>x</Room></Connect>", "<Connect> has a <Room>"),
            ("<Connect/>", "0 nouns"),
            ("<Connect><Stream/></Connect>", "<Stream> has no url"),
            ("<Connect><Stream url=\"https://h/m\"/></Connect>", "31922"),
            ("<Connect><Stream url=\"wss://h/m?a=1\"/></Connect>", "query"),
            ("<Connect><Stream url=\"wss://h/m\" track=\"both_tracks\"/></Connect>", "31941"),
            (
                "<Connect><Stream url=\"wss://h/m\"><Parameter name=\"a\"/></Stream></Connect>",
                "<Parameter> has no value",
            ),
            (&long, "\"token\" has 500 characters"),
            ("<Redirect> </Redirect>", "no URL"),
            ("<Redirect method=\"GET\">/x</Redirect>", "GET"),
            ("<Reject reason=\"tired\"/>", "tired"),
            ("<Pause length=\"long\"/>", "long"),
            ("<Say>a & b</Say>", "12100"),
            ("<Say>&copy;</Say>", "&copy; is unknown"),
            ("<Say>", "12100"),
        ] {
            let error = response(body).unwrap_err();
            assert!(error.contains(part), "{body}: {error}");
        }
        assert!(matches!(read("<Reply/>"), Err(TwimlError::NotAResponse(name)) if name == "Reply"));
        for document in
            ["", "hello", "<Response/><Response/>", "<Response/>x", "<!DOCTYPE x><Response/>", &"<a>".repeat(20)]
        {
            assert!(matches!(read(document), Err(TwimlError::Xml(_))), "{document}");
        }
        assert!(matches!(read(&" ".repeat(65_537)), Err(TwimlError::TooLarge(65_537))));
    }
}
