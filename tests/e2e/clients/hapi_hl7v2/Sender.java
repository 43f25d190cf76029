import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.app.Connection;
import ca.uhn.hl7v2.llp.MinLowerLayerProtocol;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.parser.PipeParser;
import ca.uhn.hl7v2.util.Terser;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads a message with HAPI's parser, sends it over MLLP, and prints MSA-1 and MSA-2 of the acknowledgement. */
public class Sender {
    public static void main(String[] arguments) throws Exception {
        String text = Files.readString(Path.of(arguments[2]), StandardCharsets.UTF_8);
        try (HapiContext context = new DefaultHapiContext()) {
            context.getParserConfiguration().setValidating(false);
            MinLowerLayerProtocol framing = new MinLowerLayerProtocol();
            framing.setCharset(StandardCharsets.UTF_8);
            context.setLowerLayerProtocol(framing);
            PipeParser parser = context.getPipeParser();
            Message message = parser.parse(text);
            Connection connection = context.newClient(arguments[0], Integer.parseInt(arguments[1]), false);
            Message answer = connection.getInitiator().sendAndReceive(message);
            Terser terser = new Terser(answer);
            System.out.println(terser.get("/MSA-1") + " " + terser.get("/MSA-2"));
            connection.close();
        }
    }
}
