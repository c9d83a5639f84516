// Sound and pictures through OpenAI's SDK for JavaScript: forms both small and large, streams, bytes, and Azure's paths.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { AzureOpenAI, toFile } from 'openai';
import { Gatehouse } from '../lib/gatehouse.mjs';

const models = (url) => `
model_list:
  - {model_name: whisper, litellm_params: {model: openai/whisper-1, api_base: "${url}/v1", api_key: sk-upstream, input_cost_per_second: 0.0001}}
  - {model_name: pictures, litellm_params: {model: openai/gpt-image-1, api_base: "${url}/v1", api_key: sk-upstream, input_cost_per_token: 0.000001, output_cost_per_image_token: 0.00001}}
  - {model_name: voice, litellm_params: {model: openai/tts-1, api_base: "${url}/v1", api_key: sk-upstream, input_cost_per_character: 0.00001}}
  - {model_name: azure-whisper, litellm_params: {model: azure/whisper-dep, api_base: "${url}", api_version: "2024-06-01", api_key: sk-upstream, input_cost_per_second: 0.0001}}
litellm_settings: {num_retries: 1}
router_settings: {num_retries: 1, disable_cooldowns: true, retry_after: 0}
`;
const json = (body) => ({ header: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
const stream = (...events) => ({ header: { 'Content-Type': 'text/event-stream' }, body: events.map((e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`).join('') });

test('sound and pictures', async (t) => {
  const gate = await Gatehouse.start(t, { models });
  const { key } = await gate.admin('/key/generate', {});
  const sdk = new OpenAI({ apiKey: key, baseURL: `${gate.url}/v1`, maxRetries: 0 });
  const last = async () => (await gate.upstream()).at(-1);
  const small = () => toFile(Buffer.from('ID3 a short sound'), 'a.mp3');
  const large = () => toFile(Buffer.concat([Buffer.from('ID3'), Buffer.alloc(3 << 20, 'x')]), 'long.mp3');

  await t.test('a transcript, with every field of the form', async () => {
    await gate.script(json({ text: 'hello', usage: { type: 'duration', seconds: 3 } }));
    const answer = await sdk.audio.transcriptions.create({ model: 'whisper', file: await small(), language: 'en', response_format: 'json', timestamp_granularities: ['word', 'segment'] });
    assert.equal(answer.text, 'hello');
    const { body, path } = await last();
    assert.equal(path, '/v1/audio/transcriptions');
    for (const part of ['name="model"\r\n\r\nwhisper-1', 'name="language"\r\n\r\nen', 'timestamp_granularities[]', 'ID3 a short sound']) assert.ok(body.includes(part), part);
  });

  await t.test('a large one, after a failure', async () => {
    await gate.reset();
    await gate.script({ status: 500 }, json({ text: 'long' }));
    assert.equal((await sdk.audio.transcriptions.create({ model: 'whisper', file: await large() })).text, 'long');
    const tries = await gate.upstream();
    assert.equal(tries.length, 2);
    assert.ok(tries.every(({ body }) => body.length > (3 << 20) && body === tries[0].body));
  });

  await t.test('as text, and as a stream', async () => {
    await gate.script({ header: { 'Content-Type': 'text/plain' }, body: 'plain words\n' });
    assert.equal(await sdk.audio.transcriptions.create({ model: 'whisper', file: await small(), response_format: 'text' }), 'plain words\n');
    await gate.script(stream({ type: 'transcript.text.delta', delta: 'he' }, { type: 'transcript.text.done', text: 'he', usage: { type: 'tokens', input_tokens: 5, output_tokens: 2, total_tokens: 7 } }));
    const kinds = [];
    for await (const event of await sdk.audio.transcriptions.create({ model: 'whisper', file: await large(), stream: true })) kinds.push(event.type);
    assert.deepEqual(kinds, ['transcript.text.delta', 'transcript.text.done']);
  });

  await t.test('a translation, speech, moderation', async () => {
    await gate.script(json({ text: 'hello' }));
    assert.equal((await sdk.audio.translations.create({ model: 'whisper', file: await small() })).text, 'hello');
    await gate.script({ header: { 'Content-Type': 'audio/mpeg' }, body: 'MP3 bytes' });
    const spoken = await sdk.audio.speech.create({ model: 'voice', voice: 'alloy', input: 'hi' });
    assert.deepEqual([spoken.headers.get('content-type'), await spoken.text()], ['audio/mpeg', 'MP3 bytes']);
    await gate.script(json({ id: 'm', model: 'x', results: [{ flagged: false }] }));
    assert.equal((await sdk.moderations.create({ model: 'pictures', input: 'x' })).results[0].flagged, false);
  });

  await t.test('pictures: made, edited, streamed', async () => {
    await gate.script(json({ created: 1, data: [{ b64_json: 'AA' }], usage: { input_tokens: 3, output_tokens: 10, total_tokens: 13 } }));
    assert.equal((await sdk.images.generate({ model: 'pictures', prompt: 'x', size: '1024x1024' })).data[0].b64_json, 'AA');
    await gate.script(json({ created: 1, data: [{ b64_json: 'BB' }] }));
    const image = [await large(), await toFile(Buffer.from('second'), 'b.png', { type: 'image/png' })];
    assert.equal((await sdk.images.edit({ model: 'pictures', image, mask: await toFile(Buffer.from('m'), 'm.png'), prompt: 'x' })).data[0].b64_json, 'BB');
    const { body } = await last();
    assert.equal(body.split('name="image[]"').length, 3);
    assert.ok(body.includes('name="mask"') && body.includes('second'));
    await gate.script(stream({ type: 'image_edit.partial_image', b64_json: 'AA' }, { type: 'image_edit.completed', b64_json: 'BB', usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 } }));
    const kinds = [];
    for await (const event of await sdk.images.edit({ model: 'pictures', image: await large(), prompt: 'x', stream: true })) kinds.push(event.type);
    assert.deepEqual(kinds, ['image_edit.partial_image', 'image_edit.completed']);
  });

  await t.test("Azure's SDK", async () => {
    const azure = new AzureOpenAI({ apiKey: key, endpoint: gate.url, apiVersion: '2024-06-01', maxRetries: 0 });
    await gate.script(json({ text: 'hello' }));
    assert.equal((await azure.audio.transcriptions.create({ model: 'azure-whisper', file: await large() })).text, 'hello');
    const { path, query } = await last();
    assert.deepEqual([path, query], ['/openai/deployments/whisper-dep/audio/transcriptions', 'api-version=2024-06-01']);
    await gate.script(json({ created: 1, data: [{ b64_json: 'AA' }] }));
    assert.equal((await azure.images.generate({ model: 'pictures', prompt: 'x' })).data[0].b64_json, 'AA');
  });
});
