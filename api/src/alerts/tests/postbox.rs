//! A server that takes mail, as RFC 5321 says and no more than a client needs.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What came in: the recipients, and the message.
pub(super) type Mail = (Vec<String>, String);

pub(super) struct Postbox {
    pub(super) url: String,
    mail: Arc<Mutex<Vec<Mail>>>,
}

impl Postbox {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let mail: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let taken = Arc::clone(&mail);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&taken)));
            }
        });
        Self { url, mail }
    }

    pub(super) fn mail(&self) -> Vec<Mail> {
        self.mail.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, mail: Arc<Mutex<Vec<Mail>>>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut recipients = Vec::new();
    writer.write_all(b"220 test ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "RCPT" => {
                recipients.push(line[line.find('<').unwrap() + 1..line.find('>').unwrap()].to_owned());
                b"250 ok\r\n"
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut message = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    message.push_str(line.strip_prefix('.').unwrap_or(&line));
                    message.push('\n');
                }
                mail.lock().unwrap().push((std::mem::take(&mut recipients), message));
                b"250 taken\r\n"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        writer.write_all(answer).await?;
    }
    Ok(())
}
