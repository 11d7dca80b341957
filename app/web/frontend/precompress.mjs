// Compresses what Vite has built, once and as well as it goes: beside each file lie its .br and its .gz.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const BUILT = new URL("../static/build/assets/", import.meta.url).pathname;
const TEXT = /\.(?:js|mjs|css|svg|json)$/;
const LEAST_BYTES = 1024;

for (const name of readdirSync(BUILT).filter((each) => TEXT.test(each))) {
  const path = join(BUILT, name);
  if (statSync(path).size < LEAST_BYTES) continue;
  const content = readFileSync(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  writeFileSync(`${path}.br`, brotliCompressSync(content, { params }));
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
}
