// Starts programs, waits for what they print, and ends them by their own handle.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Runs a program to its end and returns what it printed; a non-zero code rejects with what it said. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`${command} ${args.join(' ')}: code ${code}\n${err}`))));
  });
}

/** A long-running child with its log and an orderly end. */
export class Process {
  constructor(command, args, options = {}) {
    this.log = '';
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    this.child.stdout.on('data', (data) => { this.log += data; });
    this.child.stderr.on('data', (data) => { this.log += data; });
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => { this.log += error; resolve(error); });
      this.child.once('exit', (code, signal) => { resolve(signal ?? code); });
    });
    this.over = false;
    this.ended.then(() => { this.over = true; });
  }

  /** Resolves with the first line printed. */
  async firstLine() {
    await until('the first line', () => this.log.includes('\n') || this.over);
    return this.log.split('\n')[0];
  }

  async stop(signal = 'SIGTERM') {
    if (!this.over) this.child.kill(signal);
    return this.ended;
  }
}

/** Waits until check returns something true and returns it; fails after 20 s, with what it waited for. */
export async function until(what, check) {
  const end = Date.now() + 20_000;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`still waiting for ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}
