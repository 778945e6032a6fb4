// Reads emails as JavaScript's mail programs do: one a line in base64 comes in, one line of JSON goes out.
const readline = require("node:readline");
const { simpleParser } = require("mailparser");
const PostalMime = require("postal-mime").default;

const plain = { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true, skipTextLinks: true };

async function mailparser(octets) {
  const email = await simpleParser(octets, plain);
  const mailboxes = (field) => (email[field]?.value ?? []).map(({ name, address }) => [name ?? "", address ?? ""]);
  return {
    subject: email.subject ?? "",
    messageId: email.messageId ?? "",
    date: email.date?.toISOString() ?? "",
    from: mailboxes("from"),
    to: mailboxes("to"),
    cc: mailboxes("cc"),
    replyTo: mailboxes("replyTo"),
    text: email.text ?? null,
    html: email.html || null,
    files: email.attachments.map(({ filename, contentType, cid, content, contentDisposition }) => ({
      name: filename ?? null,
      type: contentType,
      cid: cid ?? null,
      content: content.toString("base64"),
      disposition: contentDisposition,
    })),
  };
}

async function postalMime(octets) {
  const email = await PostalMime.parse(octets, { attachmentEncoding: "base64" });
  const mailboxes = (list) => (list ?? []).map(({ name, address }) => [name ?? "", address ?? ""]);
  return {
    subject: email.subject ?? "",
    messageId: email.messageId ?? "",
    date: email.date ?? "",
    from: mailboxes(email.from && [email.from]),
    to: mailboxes(email.to),
    cc: mailboxes(email.cc),
    replyTo: mailboxes(email.replyTo),
    text: email.text ?? null,
    html: email.html ?? null,
    files: email.attachments.map(({ filename, mimeType, contentId, content, disposition }) => ({
      name: filename ?? null,
      type: mimeType,
      cid: contentId ?? null,
      content,
      disposition,
    })),
  };
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const octets = Buffer.from(line, "base64");
    const read = { mailparser: await mailparser(octets), "postal-mime": await postalMime(octets) };
    process.stdout.write(JSON.stringify(read) + "\n");
  }
})();
