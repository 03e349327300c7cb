//! Spellings, and who they are.

use phonenumber::metadata::DATABASE;
use proptest::prelude::*;

use super::*;

/// What was read, in one line: the number with its extension, the address, or `withheld`.
fn read_in(raw: &str, region: &str) -> String {
    match CallerAddress::parse(raw, region) {
        CallerAddress::Number(PhoneNumber { e164, extension: None }) => e164.as_str().to_owned(),
        CallerAddress::Number(PhoneNumber { e164, extension: Some(extension) }) => {
            format!("{} x{}", e164.as_str(), extension.as_str())
        }
        CallerAddress::Address(address) => address.as_str().to_owned(),
        CallerAddress::Withheld => "withheld".to_owned(),
    }
}

fn read(raw: &str) -> String {
    read_in(raw, "US")
}

#[test]
fn an_e164_number_is_taken_as_it_is() {
    for number in ["+14155550123", "+1234567890", "+1234567", "+123456789012345", "+99999999999", "+390612345678"] {
        assert_eq!(read(number), number);
        assert_eq!(read_in(number, "nowhere"), number, "no region is needed");
    }
}

#[test]
fn one_number_in_many_spellings_is_one_caller() {
    let spellings = [
        "+14155552671",
        "  +14155552671 ",
        "+1 (415) 555-2671",
        "+1.415.555.2671",
        "+1-415-555-2671",
        "tel:+1-415-555-2671",
        "TEL:+14155552671;verstat=TN-Validation-Passed",
        "whatsapp:+14155552671",
        "sip:+14155552671@example.com;user=phone",
        "sip:%2B14155552671@example.com",
        "sips:+14155552671@example.com:5061",
        "SIP:+14155552671;verstat=TN-Validation-Passed@example.com;user=phone",
        "(415) 555-2671",
        "4155552671",
        "14155552671",
        " 14155552671", // a plus that was decoded as a space
        "1-415-555-2671",
        "011 1 415 555 2671",
    ];
    for spelling in spellings {
        assert_eq!(read(spelling), "+14155552671", "{spelling}");
    }
}

#[test]
fn a_number_without_plus_is_read_as_dialled_in_the_region() {
    let cases = [
        ("020 7946 0018", "GB", "+442079460018"),
        ("+44 (0)20 7946 0018", "US", "+442079460018"),
        ("0044 20 7946 0018", "DE", "+442079460018"),
        ("011 44 1632 960001", "US", "+441632960001"), // 1 is the trunk prefix of the US only
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("010-2000-0000", "KR", "+821020000000"),
        ("030 901820", "de", "+4930901820"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("0011 1 415 555 2671", "AU", "+14155552671"),
    ];
    for (raw, region, expected) in cases {
        assert_eq!(read_in(raw, region), expected, "{raw} in {region}");
    }
}

#[test]
fn no_countrys_example_number_is_read_as_another_one() {
    let (mut asked, mut withheld) = (0, 0);
    for country in DATABASE.iter().filter(|country| country.id() != "001") {
        let kinds = country.descriptors();
        let examples = [kinds.fixed_line(), kinds.mobile()].into_iter().flatten().filter_map(|kind| kind.example());
        for national in examples {
            let complete = format!("+{}{national}", country.country_code());
            let with_trunk_prefix = format!("{}{national}", country.national_prefix().unwrap_or_default());
            for raw in [national, &with_trunk_prefix] {
                asked += 1;
                match read_in(raw, country.id()).as_str() {
                    "withheld" => withheld += 1,
                    line => assert_eq!(line, read(&complete), "{raw} in {}", country.id()),
                }
            }
        }
    }
    // Countries with numbers of six digits or fewer, and those whose trunk prefix the library does not know.
    assert!(asked > 900 && withheld * 12 < asked, "{withheld} of {asked} withheld");
}

#[test]
fn a_number_without_its_area_code_is_nobody() {
    for raw in ["555-2671", "5552671", "1234567", "911", "12345", "21255526711", "415555267"] {
        assert_eq!(read(raw), "withheld", "{raw}");
    }
}

#[test]
fn a_line_has_one_number_whatever_its_country_has_changed() {
    let cases = [
        // Mexico: with the 1 of mobiles, and what was dialled at home.
        ("+5215512345678", "US", "+525512345678"),
        ("+52 1 55 1234 5678", "US", "+525512345678"),
        ("5215512345678", "US", "+525512345678"),
        ("whatsapp:+5215512345678", "US", "+525512345678"),
        ("sip:+5215512345678@10.0.0.5", "US", "+525512345678"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("01 55 1234 5678", "MX", "+525512345678"),
        ("55 1234 5678", "MX", "+525512345678"),
        // Argentina: with the 9, with 15, with neither.
        ("+5491123456789", "US", "+541123456789"),
        ("+54 11 15 2345-6789", "US", "+541123456789"),
        ("+54 9 351 123 4567", "US", "+543511234567"),
        ("5491123456789", "US", "+541123456789"),
        ("011 15-2345-6789", "AR", "+541123456789"),
        ("11 2345-6789", "AR", "+541123456789"),
        // Brazil: without the ninth digit, with the code of a carrier, and with the trunk prefix.
        ("+551161234567", "US", "+5511961234567"),
        ("11 6123-4567", "BR", "+5511961234567"),
        ("0 15 11 96123-4567", "BR", "+5511961234567"),
        ("+55 0 11 96123 4567", "US", "+5511961234567"),
        ("+57 1 234 5678", "US", "+576012345678"),
        ("+229 95 12 34 56", "US", "+2290195123456"),
        // A trunk prefix behind the country code, and Italy's 0, which is none.
        ("+4402079460018", "US", "+442079460018"),
        ("+44 020 7946 0018", "US", "+442079460018"),
        ("4402079460018", "US", "+442079460018"),
        ("+49 (0)30 901820", "US", "+4930901820"),
        ("+36 06 1 234 5678", "US", "+3612345678"),
        ("+7 8 495 123-45-67", "US", "+74951234567"),
        ("+1 1 415 555 2671", "US", "+14155552671"),
        ("+39 (0)6 1234 5678", "US", "+390612345678"),
        ("+39 (0)55 1234 5678", "US", "+3905512345678"),
        ("+39 (0)347 123 4567", "US", "+393471234567"), // a mobile never has the 0
        ("+378 886377", "US", "+3780549886377"),
    ];
    for (raw, region, expected) in cases {
        assert_eq!(read_in(raw, region), expected, "{raw} in {region}");
    }
}

#[test]
fn lines_that_resemble_each_other_stay_apart() {
    let lines = [
        "+525512345678",
        "+5211512345678", // no area of Mexico begins with 1, so that this is no number before the change
        "+541123456789",
        "+551171234567",  // eight digits with a 7 remained in use beside
        "+5511971234567", // the mobile
        "+551121234567",  // a landline
        "+5511921234567",
        "+390612345678",
        "+39612345678", // which is not said to be Rome
        "+393123456789",
        "+39031234567",
        "+78001234567", // begins with the trunk prefix
        "+7001234567",
        "+442079460018",
        "+14155552671",
    ];
    let readings: std::collections::HashSet<String> = lines.iter().map(|line| read(line)).collect();
    assert_eq!(readings.len(), lines.len(), "{readings:?}");
}

#[test]
fn a_trunk_may_leave_out_the_plus() {
    let cases = [
        ("14155550124", "US", "+14155550124"),
        ("14155550124", "GB", "+14155550124"),
        ("447911123456", "US", "+447911123456"),
        ("447700900123", "US", "+447700900123"), // for films, and in no table
        ("447911123456", "GB", "+447911123456"),
        ("07911123456", "GB", "+447911123456"),
        ("7911123456", "GB", "+447911123456"),
        ("33612345678", "US", "+33612345678"),
        ("4915123456789", "DE", "+4915123456789"), // not area 04915, which would have its 0
        ("4915123456789", "US", "+4915123456789"),
        ("393123456789", "IT", "+393123456789"),
        ("13123456789", "CN", "+8613123456789"), // as mobiles are written there, and not North America
        ("13123456789", "US", "+13123456789"),
        ("4582345678", "US", "+14582345678"), // Oregon, and not Denmark
        ("00447911123456", "US", "+447911123456"),
        ("+00447911123456", "US", "+447911123456"),
        ("011447911123456", "GB", "+447911123456"),
        ("+011447911123456", "GB", "+447911123456"),
        ("(+44) 7911 123456", "US", "+447911123456"),
    ];
    for (raw, region, expected) in cases {
        assert_eq!(read_in(raw, region), expected, "{raw} in {region}");
    }
    for (raw, region) in [
        ("2033123456", "NG"),  // Ibadan without its 0, or Egypt without its plus
        ("15512345678", "MX"), // a mobile as it was dialled from abroad, or New Jersey
        ("4155552671", "GB"),
        ("2908123", "US"), // Tristan da Cunha has numbers as short as within a town
        ("99912345678", "US"),
        ("004479", "US"),
        ("+0044", "US"),
        ("00999123456789", "US"),
        ("0110447911123456", "US"),
    ] {
        assert_eq!(read_in(raw, region), "withheld", "{raw} in {region}");
    }
}

#[test]
fn a_trunks_sip_address_is_its_number() {
    for raw in [
        "sip:14155550124@10.0.0.5:5060",
        "sip:14155550124@10.0.0.6:5080;user=phone",
        "sips:14155550124@trunk.example:5061;transport=tls",
        "sip:+14155550124@10.0.0.5:5060;user=phone",
        "sip:%2b14155550124@10.0.0.5",
        "sip:%2B1415%35550124@10.0.0.5",
        "sip:+1-415-555-0124@10.0.0.5",
        "sip:+1(415)5550124@10.0.0.5",
        "sip:4155550124@10.0.0.5",
        "sip:01114155550124@10.0.0.5",
        "sip:0014155550124@10.0.0.5",
        "sip:14155550124;verstat=TN-Validation-Passed@10.0.0.5;user=phone",
        "sip:14155550124:secret@10.0.0.5",
        "sip:14155550124@[2001:db8::1]:5060",
        "sip:14155550124@10.0.0.5;x=a@b",
        "sip:+14155550124",
        "sip:+14155550124;user=phone",
        "14155550124@10.0.0.5:5060",
        "+14155550124@10.0.0.5",
        "<sip:14155550124@10.0.0.5:5060>",
        "<sip:14155550124@10.0.0.5:5060;user=phone>;tag=4fe2",
        "\"Ana\" <sip:14155550124@10.0.0.5>;tag=4fe2",
        "Ana Pe\u{f1}a <sip:+14155550124@10.0.0.5>",
        "\"<sip:+14155550199@10.0.0.5>, \\\"she\\\"\" <sip:+14155550124@10.0.0.5>",
        "\"sip:+14155550199\" <tel:+1-415-555-0124>",
        "14155550124 <sip:14155550124@10.0.0.5>",
        "<tel:+14155550124>",
        "<+14155550124>",
        "tel:14155550124",
        "tel:+14155550124;user=phone",
    ] {
        assert_eq!(read(raw), "+14155550124", "{raw}");
    }
    assert_eq!(read("sip:447911123456@10.0.0.5:5060"), "+447911123456");
    assert_eq!(read("sip:14155550124;ext=12@10.0.0.5"), "+14155550124 x12");
}

#[test]
fn a_name_or_a_trunk_makes_nobody_somebody() {
    for raw in [
        "\"Anonymous\" <sip:+14155550124@10.0.0.5>", // privacy was asked for
        "Anonymous <sip:anonymous@anonymous.invalid>;tag=1",
        "restricted <+14155550124>",
        "\"Ana\" <sip:14155550124@10.0.0.5",
        "\"Ana <sip:14155550124@10.0.0.5>",
        "\"Ana\" <>",
        "Ana <sip:14155550124@10.0.0.5> or else",
        "Ana <<sip:14155550124@10.0.0.5>>",
        "Ana <sip:14155550124@10.0.0.5> <sip:14155550125@10.0.0.5>",
        "Ana\r\nX-Injected: 1 <sip:14155550124@10.0.0.5>",
        "Ana <sip:14155550124@10.0.0.5>;tag=\r\n",
        "14155550199:x <sip:14155550124@10.0.0.5>",
        "sip:14155550199:x <sip:14155550124@10.0.0.5>",
        "sip:266-696-687@10.0.0.5",
        "sip:00266696687@10.0.0.5",
        "sip:01117378742833@10.0.0.5",
        "0018656696",
        "sip:266696687@10.0.0.5:5060;user=phone",
        "<sip:+7378742833@10.0.0.5>",
        "86282452253",
        "sip:911@",
        "ana@example.com",
        "911@10.0.0.5",
        // Of many networks, or of many extensions, one cannot be told.
        "sip:5551234;phone-context=+1415@10.0.0.5",
        "sip:5551234;ext=12@10.0.0.5",
        "tel:5551234;phone-context=+1415",
        "tel:5551234",
        "tel:911",
    ] {
        assert_eq!(read(raw), "withheld", "{raw}");
    }
    let long = format!("\"{}\" <sip:14155550124@10.0.0.5>", "a".repeat(600));
    assert_eq!(read(&long), "withheld");
}

#[test]
fn a_port_that_goes_without_saying_is_nobody_else() {
    let cases = [
        ("sip:bob@example.com:5060", "sip:bob@example.com"),
        ("sips:bob@example.com:5061", "sip:bob@example.com"),
        ("sip:bob@example.com:5061;transport=tls", "sip:bob@example.com"),
        ("sip:bob@[2001:db8::1]:5060", "sip:bob@[2001:db8::1]"),
        ("sip:b%6Fb@example.com", "sip:bob@example.com"),
        // Another port may be another switchboard, whose 1000 is somebody else.
        ("sip:1000@10.0.0.5:5080", "sip:1000@10.0.0.5:5080"),
        ("sip:1000@10.0.0.5:5061", "sip:1000@10.0.0.5:5061"),
        ("sip:b%40b@example.com", "sip:b%40b@example.com"),
        ("sip:b%zb@example.com", "sip:b%zb@example.com"),
        ("sip:b%2@example.com", "sip:b%2@example.com"),
        ("client:a<b>", "client:a<b>"),
    ];
    for (raw, expected) in cases {
        assert_eq!(read(raw), expected, "{raw}");
    }
}

#[test]
fn earlier_releases_took_spellings_as_they_stood() {
    let former = |raw: &str| -> Vec<String> {
        let former = of(raw, "US").former();
        let texts = former.iter().map(|address| match address {
            CallerAddress::Number(PhoneNumber { e164, extension: None }) => e164.as_str().to_owned(),
            CallerAddress::Number(PhoneNumber { e164, extension: Some(extension) }) => {
                format!("{} x{}", e164.as_str(), extension.as_str())
            }
            CallerAddress::Address(address) => address.as_str().to_owned(),
            CallerAddress::Withheld => "withheld".to_owned(),
        });
        texts.collect()
    };
    let cases = [
        ("+525512345678", vec!["+5215512345678"]),
        ("+5215512345678", vec!["+5215512345678"]),
        ("+5215512345678;ext=12", vec!["+5215512345678 x12"]),
        ("sip:5215512345678@10.0.0.5:5060", vec!["sip:5215512345678@10.0.0.5:5060", "+5215512345678"]),
        ("+54 11 15 2345 6789", vec!["+54111523456789", "+5491123456789"]),
        ("+4402079460018", vec!["+4402079460018"]),
        ("sip:14155550124@10.0.0.5:5060", vec!["sip:14155550124@10.0.0.5:5060"]),
        ("sip:+1-415-555-0124@10.0.0.5", vec!["sip:+1-415-555-0124@10.0.0.5"]),
        ("sip:bob@example.com:5060", vec!["sip:bob@example.com:5060"]),
        ("sip:bob@example.com", vec![]),
        ("sip:+14155550124@10.0.0.5:5060", vec![]),
        ("+14155550124", vec![]),
        ("(415) 555-0124", vec![]),
        ("+442079460018", vec![]),
        ("client:alice", vec![]),
        ("anonymous", vec![]),
        ("\"Anonymous\" <sip:14155550124@10.0.0.5>", vec![]),
    ];
    for (raw, expected) in cases {
        assert_eq!(former(raw), expected, "{raw}");
    }
}

#[test]
fn without_a_usable_region_only_complete_numbers_are_read() {
    // Antarctica has a code, but no numbers of its own.
    for region in ["", "nowhere", "XX", "AQ", "001", "US;", "\u{130}"] {
        assert_eq!(read_in("4155552671", region), "withheld", "{region}");
        assert_eq!(read_in("+1 415 555 2671", region), "+14155552671", "{region}");
    }
}

#[test]
fn an_extension_is_another_person() {
    let spellings = [
        "+14155552671;ext=12",
        "+1 415 555 2671 x12",
        "(415) 555-2671 ext. 12",
        "4155552671#12",
        "tel:+14155552671;ext=12",
    ];
    for spelling in spellings {
        assert_eq!(read(spelling), "+14155552671 x12", "{spelling}");
    }
    assert_eq!(read("sip:+14155552671;ext=12@example.com"), "+14155552671 x12");
    assert_eq!(read("+14155552671 x012"), "+14155552671 x012");
    for broken in [
        "+14155552671 x",
        "+14155552671 ext=",
        "+14155552671;ext",
        "+14155552671; ext=",
        "+14155552671 x1;ext=2",
        "+14155552671 x12 x13",
        "+14155552671;ext=1;ext=2",
        "+14155552671 x1234567890",
        "sip:+14155552671;ext=a@example.com",
    ] {
        assert_eq!(read(broken), "withheld", "{broken}");
    }
}

#[test]
fn withheld_words_are_nobody() {
    for word in withheld::WORDS.into_iter().chain(["Anonymous", "RESTRICTED", " Unknown ", "", " ", "+"]) {
        for raw in [
            word.to_owned(),
            format!("client:{word}"),
            format!("sip:{word}@example.com"),
            format!("sip:bob@{word}.invalid"),
            format!("sip:bob@{word}.invalid:5060;user=phone"),
            format!("tel:{word}"),
        ] {
            assert_eq!(read(&raw), "withheld", "{raw}");
        }
    }
}

#[test]
fn words_spelled_on_a_keypad_are_nobody() {
    for digits in withheld::KEYPAD {
        for raw in [
            digits.to_owned(),
            format!("+{digits}"),
            format!("1{digits}"),
            format!("+1{digits}"),
            format!("tel:+{digits}"),
            format!("sip:+{digits}@example.com"),
            format!("sip:%2B{digits}@example.com"),
            format!("sip:{digits}@example.com"),
            format!("client:{digits}"),
            format!("+{} {}", &digits[..3], &digits[3..]),
            format!("({}) {}", &digits[..3], &digits[3..]),
            format!("+{digits} x12"),
        ] {
            for region in ["US", "GB", "LS", "RU", "CN", "UG", ""] {
                assert_eq!(read_in(&raw, region), "withheld", "{raw} in {region}");
            }
        }
    }
}

#[test]
fn sip_and_client_addresses_are_people_without_a_number() {
    let cases = [
        ("client:alice", "client:alice"),
        ("Client:Alice", "client:alice"),
        ("sip:bob@acme.sip.twilio.com", "sip:bob@acme.sip.twilio.com"),
        ("sips:Bob:secret@ACME.example;transport=tls?subject=x", "sip:bob@acme.example"),
        ("sip:bob@other.example", "sip:bob@other.example"),
        ("sip:1000@pbx.example", "sip:1000@pbx.example"),
    ];
    for (raw, expected) in cases {
        assert_eq!(read(raw), expected);
    }
    for raw in
        ["sip:", "sip:example.com", "sip:@example.com", "sip:bob@", "client:", "sip:a b@example.com", "mailto:a@b.c"]
    {
        assert_eq!(read(raw), "withheld", "{raw}");
    }
}

#[test]
fn hostile_input_is_nobody() {
    for raw in [
        "+0",
        "+04155552671",
        "+1anonymous",
        "+1234567890123456",
        "++14155552671",
        "+1+4155552671",
        "+1415555\u{200b}2671",
        "\u{200b}+14155552671",
        "\u{ff0b}14155552671",
        "+\u{664}\u{665}\u{666}\u{664}\u{665}\u{666}\u{664}\u{665}",
        "+14155552671\0",
        "+14155552671\r\nX-Injected: 1",
        "+14155552671\n",
        "\t+14155552671",
        "+14155552671\u{a0}",
        "';--",
        "sarah:*",
        "{tag}",
        "*",
        "sip:bob\r\n@example.com",
        "client:ali\u{301}ce",
        "client:ali\u{202e}ce",
        ".;phone-context=",
        "+dwPAA;phone-context=AA",
        "tel:555-2671;phone-context=+1415",
        "+1 415 555 2671 or +1 415 555 2672",
        "call 4155552671",
        "1-800-FLOWERS",
    ] {
        assert_eq!(read(raw), "withheld", "{raw:?}");
    }
}

#[test]
fn a_long_text_is_not_cut_down_to_somebody() {
    for raw in [
        "9".repeat(65_536),
        format!("+14155552671{}", "0".repeat(65_536)),
        format!("+14155552671{}1", " ".repeat(60)),
        format!("client:{}", "a".repeat(65_536)),
        format!("sip:+14155552671@{}", "a".repeat(65_536)),
        "\u{e9}".repeat(40),
    ] {
        assert_eq!(read(&raw), "withheld", "{} bytes", raw.len());
    }
    let long = format!("client:{}", "a".repeat(100));
    assert_eq!(read(&long), long);
}

#[test]
fn debug_does_not_tell_who_it_is() {
    let shown = format!("{:?}", CallerAddress::parse("+14155552671;ext=12", "US"));
    assert_eq!(shown, "Number(PhoneNumber { e164: +1***71, extension: Some(***) })");
    assert_eq!(format!("{:?}", CallerAddress::parse("sip:bob@example.com", "US")), "Address(sip:***)");
}

/// Separators that may stand between the digits of one number.
fn spelled(digits: &str, separators: &[usize]) -> String {
    digits.chars().zip(separators).map(|(digit, at)| format!("{digit}{}", ["", " ", "-", ".", "/"][*at])).collect()
}

proptest! {
    #[test]
    fn no_text_panics(raw in any::<String>(), region in any::<String>()) {
        CallerAddress::parse(&raw, &region);
    }

    #[test]
    fn no_text_like_a_number_panics(
        raw in r"(tel:|sip:|sips:|client:|whatsapp:)?[+0-9]{0,4}[0-9 ().+x#;*/-]{0,30}(;ext=|;phone-context=|@)?[0-9a+.]{0,8}",
        region in "(US|GB|IT|MX|BR|AR|AU|AQ|LS)",
    ) {
        if let CallerAddress::Number(number) = CallerAddress::parse(&raw, &region) {
            prop_assert_eq!(E164::parse(number.e164.as_str()), Some(number.e164));
        }
    }

    #[test]
    fn separators_make_no_other_caller(
        digits in "[1-9][0-9]{6,14}",
        separators in prop::collection::vec(0_usize..5, 15),
    ) {
        let strict = CallerAddress::parse(&format!("+{digits}"), "US");
        let number = format!("+{}", spelled(&digits, &separators));
        for raw in [number.clone(), format!("tel:{number}"), format!("  {number} ")] {
            prop_assert_eq!(&CallerAddress::parse(&raw, "GB"), &strict, "{}", raw);
        }
    }
}
