//! An audit log as the checker reads it; behind a zero byte, the workload it is the log of.

use audit_logger::verify::{Options, VerifyReport, verify};

pub(crate) fn target(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == 0);
    let log = parts.next().unwrap_or_default();
    let workload = parts.next();
    let options = Options { max_findings: 10, ..Options::default() };
    let report = check(log, workload, &options);
    let told = report.to_string();
    assert_eq!(told, check(log, workload, &options).to_string(), "the same bytes, the same report");
    assert!(report.findings.len() <= options.max_findings);
    assert!(!report.is_good() || report.findings.is_empty(), "{told}");
}

fn check(log: &[u8], mut workload: Option<&[u8]>, options: &Options) -> VerifyReport {
    let workload = workload.as_mut().map(|bytes| bytes as &mut dyn std::io::BufRead);
    verify(log, workload, options).expect("bytes in memory can be read")
}
