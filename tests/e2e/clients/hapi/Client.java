import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.interceptor.BearerTokenAuthInterceptor;
import ca.uhn.fhir.rest.server.exceptions.BaseServerResponseException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.hl7.fhir.r4.model.Binary;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.DocumentReference;
import org.hl7.fhir.r4.model.ListResource;
import org.hl7.fhir.r4.model.OperationOutcome;

/** Does with HAPI's client what its arguments name, and prints one line for each result. */
public final class Client {
    public static void main(String[] arguments) throws Exception {
        FhirContext context = FhirContext.forR4();
        IGenericClient client = context.newRestfulGenericClient(arguments[1]);
        client.registerInterceptor(new BearerTokenAuthInterceptor(arguments[2]));
        switch (arguments[0]) {
            case "deposit" -> deposit(context, client, Files.readString(Path.of(arguments[3])));
            case "follow" -> follow(client, arguments[3]);
            case "search" -> search(client, arguments[3]);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void deposit(FhirContext context, IGenericClient client, String json) {
        Bundle bundle = context.newJsonParser().parseResource(Bundle.class, json);
        Bundle answer = client.transaction().withBundle(bundle).execute();
        for (Bundle.BundleEntryComponent entry : answer.getEntry()) {
            System.out.println(entry.getResponse().getLocation());
        }
    }

    private static void follow(IGenericClient client, String id) {
        CapabilityStatement capabilities = client.capabilities().ofType(CapabilityStatement.class).execute();
        System.out.println(capabilities.getFhirVersion().toCode());
        ListResource list = client.read().resource(ListResource.class).withId(id).execute();
        ListResource.ListEntryComponent entry = list.getEntryFirstRep();
        System.out.println(entry.getFlag().getCodingFirstRep().getCode());
        DocumentReference document =
            client.read().resource(DocumentReference.class).withUrl(entry.getItem().getReference()).execute();
        System.out.println(document.getStatus().toCode());
        String url = document.getContentFirstRep().getAttachment().getUrl();
        Binary binary = client.read().resource(Binary.class).withUrl(url).execute();
        System.out.println(binary.getContentType() + " " + binary.getData().length);
    }

    private static void search(IGenericClient client, String record) {
        try {
            client.search().forResource(DocumentReference.class)
                .where(DocumentReference.PATIENT.hasId("Patient/" + record)).returnBundle(Bundle.class).execute();
        } catch (BaseServerResponseException error) {
            OperationOutcome outcome = (OperationOutcome) error.getOperationOutcome();
            System.out.println(error.getStatusCode() + " " + outcome.getIssueFirstRep().getDiagnostics());
        }
        Bundle page = client.search().forResource(DocumentReference.class)
            .where(DocumentReference.PATIENT.hasId("Patient/" + record))
            .and(DocumentReference.STATUS.exactly().code("current"))
            .count(1).returnBundle(Bundle.class).execute();
        int pages = 1;
        while (page.getLink(Bundle.LINK_NEXT) != null) {
            page = client.loadPage().next(page).execute();
            pages++;
        }
        System.out.println(page.getTotal() + " on " + pages);
    }
}
