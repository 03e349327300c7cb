//! What the operators' document says of the call's own types. `crates/call` itself knows nothing of documents.

use redial_call::{Role, Via};
use serde::Serialize;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, Type};

/// Acts, as a turn names them.
const ACTS: [&str; 10] = [
    "understood",
    "asked",
    "asked_consent",
    "asked_erase",
    "read_back",
    "tool_called",
    "tool_returned",
    "transferring",
    "end_call",
    "other",
];

pub(super) fn role() -> Object {
    one_of("Who spoke.", [Role::Caller, Role::Agent])
}

pub(super) fn via() -> Object {
    one_of("Spoken, or by keys: the words are then the digits.", [Via::Voice, Via::Keypad])
}

pub(super) fn acts() -> ArrayBuilder {
    let act = ObjectBuilder::new()
        .property("act", one_of("What it did. The fields beside this one are those of this act.", ACTS))
        .required("act")
        .additional_properties(Some(AdditionalProperties::FreeForm(true)));
    ArrayBuilder::new()
        .description(Some("What the agent did beside what it said, as far as it was heard; tools always."))
        .items(act)
}

fn one_of<T: Serialize, const N: usize>(about: &str, values: [T; N]) -> Object {
    let written = values.map(|value| serde_json::to_value(value).unwrap_or_default());
    ObjectBuilder::new().schema_type(Type::String).description(Some(about)).enum_values(Some(written)).build()
}

#[cfg(test)]
mod tests {
    use redial_call::{Act, ToolCallId, ToolOutcome, TurnId};
    use serde_json::Value;
    use utoipa::PartialSchema as _;

    use super::*;

    /// The values of the one enum in a schema.
    fn values(schema: &Value) -> Vec<&str> {
        schema["enum"].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
    }

    #[test]
    fn every_act_role_and_way_of_the_core_is_in_the_document() {
        let message = serde_json::to_value(super::super::message_turn::Stored::schema()).unwrap();
        let call = ToolCallId { turn: TurnId(1), index: 0 };
        let text = String::new;
        let acts = [
            Act::Understood { turn: TurnId(1), parts: Vec::new() },
            Act::Asked { what: text() },
            Act::AskedConsent,
            Act::AskedErase,
            Act::ReadBack { what: text() },
            Act::ToolCalled { call, name: text(), arguments: text() },
            Act::ToolReturned { call, outcome: ToolOutcome::TimedOut },
            Act::Transferring { to: text() },
            Act::EndCall,
            Act::Other,
        ];
        let written = acts.each_ref().map(|act| {
            // A new one does not compile until it stands here, and then in the list above.
            match act {
                Act::Understood { .. }
                | Act::Asked { .. }
                | Act::AskedConsent
                | Act::AskedErase
                | Act::ReadBack { .. }
                | Act::ToolCalled { .. }
                | Act::ToolReturned { .. }
                | Act::Transferring { .. }
                | Act::EndCall
                | Act::Other => serde_json::to_value(act).unwrap()["act"].as_str().unwrap().to_owned(),
            }
        });
        assert_eq!(values(&message["properties"]["acts"]["items"]["properties"]["act"]), written);
        match Role::Caller {
            Role::Caller | Role::Agent => assert_eq!(values(&message["properties"]["role"]), ["user", "assistant"]),
        }
        match Via::Voice {
            Via::Voice | Via::Keypad => assert_eq!(values(&message["properties"]["via"]), ["voice", "keypad"]),
        }
    }
}
