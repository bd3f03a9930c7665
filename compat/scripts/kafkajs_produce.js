// Reads key TAB value lines from standard input and produces them with kafkajs.
const { Kafka, CompressionTypes, logLevel } = require("kafkajs");
const readline = require("readline");

const [address, topic, codec] = process.argv.slice(2);
const compression = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP }[codec];

async function main() {
  const kafka = new Kafka({ clientId: "compat", brokers: [address], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ maxInFlightRequests: 1 });
  await producer.connect();
  let messages = [];
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const tab = line.indexOf("\t");
    messages.push({ key: line.slice(0, tab), value: line.slice(tab + 1) });
    if (messages.length === 2000) {
      await producer.send({ topic, compression, messages });
      messages = [];
    }
  }
  if (messages.length > 0) await producer.send({ topic, compression, messages });
  await producer.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
