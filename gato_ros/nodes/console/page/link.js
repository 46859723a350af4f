// The one connection to the robot. It comes back by itself, and it looks only while the page is shown.
export class Link {
  constructor(listeners) {
    this.listeners = listeners;
    this.pause = 500;
    this.beat = 0;
    document.addEventListener("visibilitychange", () => this.look());
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/socket`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.pause = 500;
      this.listeners.link("open");
      this.look();
    };
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = () => {
      this.listeners.link("lost");
      setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(2 * this.pause, 4000);
    };
  }

  get there() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  receive(data) {
    if (data instanceof ArrayBuffer) {
      this.listeners.picture(new Uint8Array(data, 0, 1)[0], new Blob([new Uint8Array(data, 1)], { type: "image/jpeg" }));
      return;
    }
    const message = JSON.parse(data);
    if (message.beat) this.beat = message.beat;
    if (message.kind === "pictures") this.say({ kind: "seen" });
    else this.listeners[message.kind](message);
  }

  say(message) {
    if (!this.there) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  look() {
    this.say({ kind: "look", on: document.visibilityState === "visible" });
  }
}
