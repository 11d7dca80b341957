import { defineConfig } from "vite";

// Names of built files hold a digest of their content; the page finds them by the manifest.
export default defineConfig({
  base: "/static/build/",
  build: {
    outDir: "../static/build",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    rollupOptions: { input: "src/main.ts" },
  },
});
