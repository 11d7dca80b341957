// The service worker of messages: shows what happened, and opens the report when it is tapped.
"use strict";
self.addEventListener("push", (event) => {
  const said = event.data ? event.data.json() : {};
  const shown = { body: said.body, tag: said.tag, data: { url: said.url } };
  event.waitUntil(self.registration.showNotification(said.title || "", shown));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url } = event.notification.data || {};
  // A page of ours and no other: what is pushed is signed, but a link may be old.
  if (url && new URL(url).origin === self.location.origin) event.waitUntil(self.clients.openWindow(url));
});
