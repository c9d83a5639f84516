// A mail server for the journeys, and the codes of an authenticator app.
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { Process, root, run, until } from './process.mjs';

export class MailServer {
  /** Starts the server; test.after stops it. */
  static async start(test) {
    const self = new MailServer();
    const program = join(root, 'bin', 'test', 'fakemail');
    await run('go', ['build', '-o', program, './e2e/fakemail']);
    self.process = new Process(program, []);
    test.after(() => self.process.stop());
    Object.assign(self, JSON.parse(await self.process.firstLine()));
    return self;
  }

  /** Environment variables by which Gatehouse sends through it. */
  get env() {
    return { SMTP_HOST: this.host, SMTP_PORT: String(this.port), SMTP_TLS: 'False', SMTP_SENDER_EMAIL: 'Gatehouse <gate@acme.test>' };
  }

  async letters() {
    return (await fetch(`${this.control}/letters`)).json();
  }

  /** Waits for the nth mail (from 1) and returns it. */
  async letter(n) {
    return until(`mail ${n}`, async () => (await this.letters())[n - 1]);
  }
}

/** The code that an authenticator app shows, some 30 s steps from now, for a setup key in base32. */
export function appCode(key, steps = 0) {
  const bits = [...key.replaceAll(' ', '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const secret = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const at = Buffer.alloc(8);
  at.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', secret).update(at).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
