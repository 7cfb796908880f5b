import { defineConfig } from "vite";

// The page is served under `default-src 'none'`: nothing may be inlined, not even small pictures.
export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // Licences of what is bundled go with it; the chart's caption leads there.
    license: { fileName: "licenses.txt" },
  },
  server: {
    // `npm run dev` beside a running `daytrade up`.
    proxy: { "/api": { target: "http://127.0.0.1:8080", ws: true } },
  },
});
