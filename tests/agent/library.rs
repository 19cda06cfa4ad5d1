//! What scripts have of the C library, which the shipped file is linked with for good: what they compute is what others get. Source: ECMA-262, 21.3.2 (Math); POSIX.1-2024, 8.3 (`TZ`).

use crate::support::{DEADLINE, ballast, ends};

/// Within two units in the last place of what this program's own library gives, for arguments of each of its branches.
#[test]
fn mathematics_are_exact() {
    type Row = (&'static str, fn(f64) -> f64, &'static [f64]);
    const ANY: &[f64] = &[
        -1e300, -700.5, -3.0, -0.9, -1e-9, 1e-9, 0.3, 0.999, 1.0, 2.5, 12.25, 650.0, 1e15,
    ];
    const UNIT: &[f64] = &[-1.0, -0.97, -0.6, -0.1, 1e-9, 0.2, 0.5, 0.75, 0.99, 1.0];
    const POSITIVE: &[f64] = &[1e-300, 1e-9, 0.3, 0.999, 1.5, 10.0, 12.25, 1e15, 1e300];
    const SMALL: &[f64] = &[-700.5, -3.0, -0.9, 1e-9, 0.3, 1.0, 12.25, 650.0];
    let rows: &[Row] = &[
        ("acos", f64::acos, UNIT),
        ("asin", f64::asin, UNIT),
        ("atan", f64::atan, ANY),
        ("cos", f64::cos, ANY),
        ("exp", f64::exp, SMALL),
        ("expm1", f64::exp_m1, SMALL),
        ("log", f64::ln, POSITIVE),
        ("log1p", f64::ln_1p, POSITIVE),
        ("log2", f64::log2, POSITIVE),
        ("sin", f64::sin, ANY),
        ("tan", f64::tan, ANY),
    ];
    let mut terms = Vec::new();
    let mut expected = Vec::new();
    for (name, function, arguments) in rows {
        for argument in *arguments {
            terms.push(format!("Math.{name}({argument:e})"));
            expected.push(function(*argument));
        }
    }
    for (y, x) in [(1.0, 2.0), (-3.5, 1e-9), (1e-9, -4.0), (-2.0, -7.0), (1e300, 1.0)] {
        terms.push(format!("Math.atan2({y:e}, {x:e})"));
        expected.push(f64::atan2(y, x));
    }
    for (base, power) in [(1.1, 10.5), (2.0, -0.5), (0.3, 100.0), (1e10, 12.5), (-3.0, 3.0)] {
        terms.push(format!("Math.pow({base:e}, {power:e})"));
        expected.push(f64::powf(base, power));
    }
    let script = format!("'<' + [{}].join(' ') + '>'", terms.join(", "));
    let (code, output) = ends(&["run", "-e", &script]);
    assert_eq!(code, Some(0), "{output}");
    let values = output
        .split('<')
        .nth(1)
        .and_then(|rest| rest.split('>').next())
        .expect("the values");
    let values: Vec<f64> = values
        .split(' ')
        .map(|value| value.parse().expect("a number"))
        .collect();
    assert_eq!(values.len(), expected.len());
    for ((term, got), expected) in terms.iter().zip(&values).zip(&expected) {
        let bound = 2.0 * f64::EPSILON * expected.abs();
        assert!((got - expected).abs() <= bound, "{term} is {got:e}, not {expected:e}");
    }
}

/// The only use of sscanf: a time zone that no file describes.
#[test]
fn time_zones_are_read() {
    for (zone, minutes) in [("ABC-03:30", "<-210>"), ("XYZ8", "<480>"), ("UTC0", "<0>")] {
        let mut command = ballast(&["run", "-e", "`<${new Date(0).getTimezoneOffset()}>`"]);
        command.env("TZ", zone);
        let (status, output) = ballast_tests::process::run("ballast", &mut command, DEADLINE).expect("it ends");
        assert!(status.success() && output.contains(minutes), "{zone}: {output}");
    }
}
