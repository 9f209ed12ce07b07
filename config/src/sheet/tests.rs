//! Workbooks made here, read back: every kind of cell, every place of a finding, and files that lie about
//! their size.

use std::io::Write as _;

use proptest::prelude::*;
use rating::deck::{Draft, Rules};
use rust_xlsxwriter::{ExcelDateTime as Date, Format, Workbook, Worksheet};
use units::Currency;

use super::*;

const HEADER: [&str; 8] = [
    "prefix",
    "destination",
    "rate",
    "initial",
    "increment",
    "connect_fee",
    "effective_from",
    "effective_until",
];

fn workbook(fill: impl Fn(&mut Worksheet)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    fill(workbook.add_worksheet());
    workbook.save_to_buffer().expect("a workbook")
}

fn header(sheet: &mut Worksheet, row: u32) {
    for (column, name) in HEADER.iter().enumerate() {
        sheet.write_string(row, column as u16, *name).expect("a cell");
    }
}

fn csv(data: &[u8]) -> String {
    String::from_utf8(Sheet::read(data, None).expect("a sheet").text().to_vec()).expect("text")
}

fn findings(data: &[u8]) -> Vec<String> {
    let sheet = Sheet::read(data, None).expect("a sheet");
    let draft = Draft::read("retail", Currency::EUR, &Rules::default(), sheet.text());
    draft.errors.into_iter().map(|e| sheet.locate(e).to_string()).collect()
}

#[test]
fn cells_become_the_text_that_was_typed() {
    let data = workbook(|sheet| {
        header(sheet, 0);
        let date = Format::new().set_num_format("yyyy-mm-dd");
        let time = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
        let euros = Format::new().set_num_format("#,##0.00000 \"EUR/min\"");
        sheet.write_number(1, 0, 5511.0).expect("a cell");
        sheet.write_string(1, 1, "Brazil, \"mobile\"").expect("a cell");
        sheet.write_number_with_format(1, 2, 0.12345, &euros).expect("a cell");
        sheet.write_number(1, 3, 30.0).expect("a cell");
        sheet.write_string(1, 4, "6").expect("a cell");
        sheet
            .write_formula(1, 5, rust_xlsxwriter::Formula::new("=0.1+0.2").set_result("0.30000000000000004"))
            .expect("a cell");
        sheet
            .write_datetime_with_format(1, 6, Date::from_ymd(2026, 2, 1).expect("a day"), &date)
            .expect("a cell");
        let noon = Date::from_ymd(2026, 3, 1).and_then(|day| day.and_hms(12, 30, 15)).expect("an instant");
        sheet.write_datetime_with_format(1, 7, noon, &time).expect("a cell");
    });
    let expected = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n\
                    5511,\"Brazil, \"\"mobile\"\"\",0.12345,30,6,0.3,2026-02-01T00:00:00.000Z,2026-03-01T12:30:15.000Z\n";
    assert_eq!(csv(&data), expected);
    assert_eq!(findings(&data), Vec::<String>::new());
}

#[test]
fn decimals() {
    #[rustfmt::skip]
    let table = [
        // the double       the text
        (0.12345,           "0.12345"),
        (0.1 + 0.2,         "0.3"),
        (1.1 * 3.0,         "3.3"),
        (0.30000000000000004, "0.3"),
        (34_911_234_567.0,  "34911234567"),
        (999_999_999_999_999.0, "999999999999999"),
        (0.0,               "0"),
        (-0.0,              "0"),
        (-0.5,              "-0.5"),
        (1e6,               "1000000"),
        (12.5e20,           "1250000000000000000000"),
        (0.000_01,          "0.00001"),
        (5e-7,              "0.0000005"),
        (1.234_567_890_123_45, "1.23456789012345"),
        (1e300,             "1.00000000000000e300"),
        (f64::NAN,          "NaN"),
        (f64::INFINITY,     "inf"),
    ];
    for (number, text) in table {
        assert_eq!(decimal(number), text);
        let mut short = String::new();
        assert!(!short_decimal(number, &mut short) || short == text, "{short} is not {text}");
    }
    for (number, text) in [
        (0.0, "0"),
        (5.0, "5"),
        (0.5, "0.5"),
        (0.12345, "0.12345"),
        (0.00001, "0.00001"),
        (999_999_999.999_99, "999999999.99999"),
    ] {
        let mut short = String::new();
        assert!(short_decimal(number, &mut short) && short == text, "{short} is not {text}");
    }
}

proptest! {
    /// What a price list may say: up to five places; and anything of up to 15 digits.
    #[test]
    fn no_decimal_drifts(digits in 0_u64..1_000_000_000_000_000, places in 0_usize..=14) {
        let text = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = text.split_at(text.len() - places);
        let written = format!("{whole}.{fraction}");
        let typed: f64 = written.parse().expect("a number");
        let expected = if places == 0 { whole } else { written.trim_end_matches('0').trim_end_matches('.') };
        prop_assert_eq!(decimal(typed), expected);
        let mut short = String::new();
        if short_decimal(typed, &mut short) {
            prop_assert_eq!(short, expected);
        }
    }

    /// Whatever is in a cell, the short way writes what the long one does.
    #[test]
    fn the_short_way_is_the_same(bits in any::<u64>(), count in 0_u64..100_000_000_000_000) {
        for number in [f64::from_bits(bits), count as f64 / 100_000.0, count as f64 / 1e7] {
            let mut short = String::new();
            if short_decimal(number, &mut short) {
                prop_assert_eq!(short, decimal(number));
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..6_000, flip in 0_usize..6_000) {
        prop_assert!(Sheet::read(&bytes, None).is_err());
        let mut data = workbook(|sheet| header(sheet, 0));
        data.truncate(cut);
        if let Some(byte) = data.get_mut(flip) {
            *byte ^= 0x55;
        }
        if let Ok(sheet) = Sheet::read(&data, None) {
            prop_assert!(sheet.text().ends_with(b"\n"));
        }
    }
}

#[test]
fn findings_name_their_cell() {
    let data = workbook(|sheet| {
        header(sheet, 2);
        for (row, cells) in [
            (3, vec!["34", "Spain", "NaN", "1", "1"]),
            // An empty row between.
            (5, vec!["35", "Portugal, \"all\"", "0.1", "0", "1"]),
            (6, vec!["36"]),
            (7, vec!["37", "Two\nlines", "0.1", "1", "1", "", "tomorrow"]),
            (8, vec!["38", "Far", "0.1", "1", "1", "", "", "", "more"]),
            (9, vec!["39", "Italy", "0.1", "1", "1"]),
            (10, vec!["+39", "Italy again", "0.1", "1", "1"]),
        ] {
            for (column, text) in cells.iter().enumerate() {
                sheet.write_string(row, column as u16, *text).expect("a cell");
            }
        }
    });
    let found = findings(&data);
    let expected = [
        "4:3: cell C4: rate: NaN",
        "6:4: cell D6: initial: \"0\"",
        "7:2: cell B7: destination: empty",
        "7:3: cell C7: rate: empty",
        "7:4: cell D7: initial: \"\"",
        "7:5: cell E7: increment: \"\"",
        "8:2: cell B8: destination: has control characters",
        "8:7: cell G8: effective_from: \"tomorrow\"",
        "9:9: cell I9: 9 fields under 8 columns",
        "11:1: cell A11: prefix 39: in force at the same time as the row of line 10",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn the_first_sheet_or_the_one_named() {
    let mut book = Workbook::new();
    for (name, rate) in [("Old", 1.0), ("New prices", 2.0)] {
        let sheet = book.add_worksheet().set_name(name).expect("a name");
        sheet.write_number(0, 0, rate).expect("a cell");
    }
    let data = book.save_to_buffer().expect("a workbook");
    let text =
        |name| Sheet::read(&data, name).map(|sheet| String::from_utf8_lossy(sheet.text()).into_owned());
    assert_eq!(text(None), Ok("1\n".to_owned()));
    assert_eq!(text(Some("New prices")), Ok("2\n".to_owned()));
    assert_eq!(text(Some("new")), Err("no sheet \"new\"; there are: Old, New prices".to_owned()));
}

/// A workbook of these parts; what is not given is as usual.
fn parts(parts: &[(&str, &[u8])]) -> Vec<u8> {
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let usual = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_owned(),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships><Relationship Id=\"r\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships><Relationship Id=\"r1\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
    ];
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let packed =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, text) in usual.iter().map(|(name, text)| (*name, text.as_bytes())).chain(parts.iter().copied())
    {
        archive.start_file(name, packed).expect("a part");
        archive.write_all(text).expect("memory takes all");
    }
    archive.finish().expect("an archive").into_inner()
}

fn sheet_of(cells: &str) -> Vec<u8> {
    parts(&[(
        "xl/worksheets/sheet1.xml",
        format!("<worksheet><sheetData>{cells}</sheetData></worksheet>").as_bytes(),
    )])
}

#[test]
fn numbers_as_spreadsheets_store_them() {
    // As Excel writes 1.1, 0.1+0.2 and a text of its own.
    let cells = "<row r=\"1\"><c r=\"A1\"><v>1.1000000000000001</v></c><c r=\"B1\"><v>0.30000000000000004</v></c>\
                 <c r=\"D1\" t=\"inlineStr\"><is><t>a,b</t></is></c><c r=\"E1\" t=\"b\"><v>1</v></c><c r=\"F1\" t=\"e\"><v>#N/A</v></c>\
                 <c r=\"G1\" t=\"d\"><v>2026-02-01</v></c><c r=\"H1\" t=\"d\"><v>2026-02-01T10:00:00</v></c></row>";
    assert_eq!(
        csv(&sheet_of(cells)),
        "1.1,0.3,,\"a,b\",TRUE,#N/A,2026-02-01T00:00:00Z,2026-02-01T10:00:00Z\n"
    );
}

#[test]
fn files_that_would_fill_the_memory_are_refused() {
    let refused = |data: &[u8]| Sheet::read(data, None).expect_err("refused");
    let nothing = vec![b' '; 4 << 20];
    let huge: Vec<(String, &[u8])> =
        (0..129).map(|n| (format!("xl/media/{n}.bin"), nothing.as_slice())).collect();
    let huge: Vec<(&str, &[u8])> = huge.iter().map(|(name, data)| (name.as_str(), *data)).collect();
    let bomb = parts(&huge);
    assert!(bomb.len() < 2 << 20, "packed it is small");
    assert_eq!(refused(&bomb), "unpacks to more than 512 MiB");

    let lie = parts(&[(
        "xl/sharedStrings.xml",
        b"<sst count=\"1\" uniqueCount=\"99999999999999999\"><si><t>x</t></si></sst>",
    )]);
    assert_eq!(refused(&lie), "more than 16000000 texts");
    let many: Vec<(String, &[u8])> = (0..=PARTS_MAX).map(|n| (n.to_string(), &b""[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, data)| (name.as_str(), *data)).collect();
    assert!(refused(&parts(&many)).contains("parts"));
    // A cell in the last corner is one cell, not all those before it.
    assert!(
        refused(&sheet_of("<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>"))
            .starts_with("cell XFD1048576: ")
    );
    assert!(
        refused(&sheet_of(
            "<row r=\"2\"><c r=\"A2\"><v>1</v></c></row><row r=\"1\"><c r=\"A1\"><v>1</v></c></row>"
        ))
        .starts_with("cell A1 ")
    );
    assert!(csv(&sheet_of("<row r=\"1000000\"><c r=\"A1000000\"><v>1</v></c></row>")).ends_with("\n1\n"));
}

#[test]
fn columns_have_letters() {
    for (column, name) in
        [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")]
    {
        assert_eq!(letters(column), name);
    }
}
