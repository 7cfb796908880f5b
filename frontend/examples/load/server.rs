//! The server under load: one that runs, or one that is started for the test.

use crate::Common;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pid: Option<u32>,
    child: Option<Child>,
    _data: Option<TempDir>,
}

impl Server {
    /// The one that is meant, or a new one where a user may have so many websockets.
    pub(crate) fn of(common: &Common, streams: u64) -> Result<Server, Box<dyn Error>> {
        if let Some(address) = common.address {
            return Ok(Server { address, pid: common.pid, child: None, _data: None });
        }
        let own = std::env::current_exe()?;
        let beside = own.parent().and_then(|folder| Some(folder.parent()?.join("daytrade")));
        let program = common.daytrade.clone().or(beside).ok_or("where is daytrade?")?;
        let data = tempfile::tempdir()?;
        let mut command = Command::new(&program);
        command.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
        command.args(["--user-streams", &streams.to_string()]);
        // Nobody's key is made for a test.
        command.env("XDG_DATA_HOME", data.path().join("share"));
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| {
                format!("{}: {error} (build it, or name it with --daytrade)", program.display())
            })?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let mut address = None;
        while address.is_none() {
            let line = lines.next().ok_or("the server did not start")??;
            let behind = line.split("http://").nth(1);
            address = behind.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        }
        // Whatever else it says is not to stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.ok_or("no address")?;
        Ok(Server { address, pid: Some(child.id()), child: Some(child), _data: Some(data) })
    }

    /// The memory that it holds (resident), in bytes; none where nobody knows its process.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()? * 1024)
    }

    /// The processor time that it has used, in seconds.
    pub(crate) fn processor_s(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid?)).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let (user, system) = (fields.next()?, fields.next()?);
        // Linux counts hundredths of a second here, whatever the kernel's own tick is.
        Some((user.parse::<f64>().ok()? + system.parse::<f64>().ok()?) / 100.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
