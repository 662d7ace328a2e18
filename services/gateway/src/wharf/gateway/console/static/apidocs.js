// The API's description as Swagger UI shows it. Who is logged in to the console calls with that session and its proof; a key that is
// given under "Authorize" goes before it.
import { beneath } from "./places.js";

const proof = document.querySelector('meta[name="wharf-proof"]').content;

window.SwaggerUIBundle({
  url: beneath("/openapi.json"),
  dom_id: "#docs",
  deepLinking: true,
  // No badge of a validator elsewhere.
  validatorUrl: null,
  requestInterceptor(request) {
    if (proof) request.headers["X-CSRF-Token"] = proof;
    return request;
  },
});
