// The operator's page: one connection, and what it brings is passed on.
import { Act } from "/files/act.js";
import { Hold } from "/files/hold.js";
import { Link } from "/files/link.js";
import { Look } from "/files/look.js";
import { Views } from "/files/views.js";

const look = new Look();
new Views();
let act = null, hold = null;
const link = new Link({
  link: (state) => {
    if (state === "lost") {
      hold.release();
      look.lost();
    }
    act.link_state(state);
  },
  hello: (message) => look.hello(message),
  picture: (place, blob) => look.picture(place, blob),
  roles: (message) => act.set_roles(message),
  state: (message) => {
    look.show(message);
    act.set_available(message.available);
    act.recorder(message.recorder);
    hold.know(message.gripper);
  },
  beat: (message) => hold.beat(message),
  answer: (message) => act.answered(message),
  refused: (message) => act.refused(message),
});
hold = new Hold(link);
act = new Act(link, hold);
act.link_state("wait");
