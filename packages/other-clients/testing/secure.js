/** A hub with a certificate that signed itself, and what signs a browser in to it. */
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startHub } from '../../../web/board/testing/hub-process.js';

const SECRET = 'a secret of the tests, of 32 bytes or more';
const CONFIG = `
[rates]
connections_user = 1000

[[server.certificates]]
certificate = "FOLDER/cert.pem"
key_file = "FOLDER/key.pem"

[[auth.issuers]]
name = "tests"
secret = "${SECRET}"
tenants = ["dev"]
`;

export async function openSecureHub() {
  const folder = await mkdtemp(join(tmpdir(), 'radial-secure-'));
  await certify(folder);
  const config = join(folder, 'radial.toml');
  await writeFile(config, CONFIG.replaceAll('FOLDER', folder));
  const data = join(folder, 'data');
  let hub = await startHub({ listen: '127.0.0.1:0', data, config });
  return {
    url: hub.url,
    async killAndStart() {
      await hub.kill();
      hub = await startHub({ listen: hub.host, data, config });
    },
    async remove() {
      await hub.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The cookie of somebody who may do everything. */
export function cookie(hub) {
  const all = { publish: ['*'], subscribe: ['*'], channels: ['*'] };
  const claims = { sub: 'u1', exp: Math.floor(Date.now() / 1000) + 3600, radial: all };
  const part = (json) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  const seal = createHmac('sha256', SECRET).update(signed).digest('base64url');
  const value = `${signed}.${seal}`;
  return { name: 'radial_token', value, url: hub.url, httpOnly: true, secure: true };
}

/** Makes `cert.pem` and `key.pem` in a folder. */
async function certify(folder) {
  const words = ['req', '-x509', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
  words.push('-addext', 'subjectAltName=IP:127.0.0.1');
  words.push('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1');
  words.push('-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem'));
  await promisify(execFile)('openssl', words);
}
