// The operator's page: one connection, and what it brings is passed on.
import { Act } from "/files/act.js";
import { Hold } from "/files/hold.js";
import { Link } from "/files/link.js";
import { Look } from "/files/look.js";
import { Overlay } from "/files/overlay.js";
import { Back } from "/files/back.js";
import { Setup } from "/files/setup.js";
import { Views } from "/files/views.js";

const look = new Look();
let act = null, hold = null, back = null, setup = null, overlay = null;
const link = new Link({
  link: (state) => {
    if (state === "lost") {
      hold.release();
      look.lost();
      overlay.lost();
      setup.lost();
    }
    if (state === "open") overlay.ask();
    act.link_state(state);
  },
  hello: (message) => {
    look.hello(message);
    setup.hello(message);
  },
  picture: (place, blob) => look.picture(place, blob),
  roles: (message) => act.set_roles(message),
  state: (message) => {
    look.show(message);
    overlay.show(message);
    act.set_available(message.available);
    act.recorder(message.recorder);
    setup.policy(message.policy);
    hold.know(message.gripper);
  },
  beat: (message) => hold.beat(message),
  answer: (message) => {
    act.answered(message);
    setup.answered(message);
  },
  refused: (message) => {
    act.refused(message);
    setup.refused(message);
    back.refused(message);
  },
  listing: (message) => (setup.lists(message.what) ? setup.listing(message) : back.listing(message)),
  opened: (message) => back.opened(message),
  doctor: (message) => setup.doctor(message),
});
hold = new Hold(link);
overlay = new Overlay(link, look);
act = new Act(link, hold);
back = new Back(link);
setup = new Setup(link, act);
new Views({ back: () => back.show(), setup: () => setup.show() });
act.link_state("wait");
