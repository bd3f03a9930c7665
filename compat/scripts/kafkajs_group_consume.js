// A member of a group by kafkajs: prints key TAB value of what it is given and ends when nothing has come for a while.
//
//     node kafkajs_group_consume.js ADDRESS TOPIC GROUP IDLE_SECONDS
const { Kafka, logLevel } = require("kafkajs");

const [address, topic, groupId, idleSeconds] = process.argv.slice(2);
const kafka = new Kafka({ brokers: [address], logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 500 });

async function main() {
  let last = Date.now();
  let joined = false;
  consumer.on(consumer.events.GROUP_JOIN, () => {
    joined = true;
    last = Date.now();
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      last = Date.now();
      process.stdout.write(`${message.key}\t${message.value}\n`);
    },
  });
  while (!joined || Date.now() - last < Number(idleSeconds) * 1000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await consumer.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
